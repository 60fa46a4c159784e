/* SPDX-License-Identifier: GPL-2.0-only */
/* bpf/arrival.h: the slot of a packet in hand. A state that is not pending is 0 here. */

/* The model's: packet `s` of CPU x had its slot taken over, once. */
inline arrival_settled(x)
{
	if
	:: s -> assert(settled[x] < s); settled[x] = s
	:: else
	fi
}

/* This CPU is through with its packet: s is 0 if somebody took its slot away. */
inline arrival_done()
{
#ifdef PLANT_F /* read, then stored */
	s = arrival[me].pending;
	atomic { arrival[me].pending = 0; arrival_settled(me); packet = false }
#else
	atomic { s = arrival[me].pending; arrival[me].pending = 0; arrival_settled(me); packet = false }
#endif
}

/* The last packet on this CPU opened nothing. */
inline arrival_clear()
{
	if
	:: packet ->
		atomic { swap = k; k = arrival[me].key; t = arrival[me].tick };
		arrival_done();
		if
		:: s -> user_drop(t)
		:: else -> lost[k]--
		fi;
		atomic { k = swap; swap = 0; s = 0; t = 0 }
	:: else
	fi
}

inline arrival_set()
{
	atomic { arrival[me].key = k; packet = true };
	arrival[me].tick = now;
	atomic { number++; arrival[me].pending = number }
}

/* A request was queued for the packet, whose slot is that of tick `t`. */
inline arrival_queued()
{
	arrival_done();
	if
	:: !s -> now = t; user_renew(t, t, true)
	:: else
	fi;
	s = 0
}

/* What CPU c's packet holds of user k, if it has been there for long: which is any time here. */
inline arrival_take_away()
{
	s = arrival[c].pending;
	if
	:: s && arrival[c].key == k ->
		t = arrival[c].tick;
		atomic {
			if
#ifdef PLANT_G /* whatever is there now */
			:: true -> s = arrival[c].pending; arrival[c].pending = 0
#else
			:: arrival[c].pending == s -> arrival[c].pending = 0
			:: else -> s = 0
#endif
			fi;
			if
			:: s -> lost[k]++; assert(arrival[c].key == k && arrival[c].tick == t)
			:: else
			fi;
			arrival_settled(c)
		};
		if
		:: s -> user_drop(t)
		:: else
		fi
	:: else
	fi;
	atomic { s = 0; t = 0 }
}

inline arrivals_look()
{
	c = 0;
	do
	:: c == CPUS -> break
	:: c < CPUS -> arrival_take_away(); c++
	od;
	c = 0
}
