/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the programs call (bpf/admit.h, bpf/arrival.h), and CPUs that do: each has two things to do, and
 * whatever may happen then happens.
 */

/* ---- admit.h ---- */

inline user_reserve()
{
	atomic { now = clock };
	user_take();
	if
	:: !got -> user_take_locked()
	:: else
	fi
}

/* A unit of record r is a session's from here on (I3, I5: of the right user). */
inline session_begins()
{
	atomic {
		assert(user[r].key == k);
		book[r].moving--;
		book[r].sessions++;
		sessions[k]++;
		session = r;
		check(r)
	}
}

/* Takes over the reservation of tick `when` (ANY: that of any handshake of the user). */
inline user_charge(when)
{
	session = NONE;
	user_find();
	if
	:: r != NONE -> user_drop(when)
	:: else -> got = false
	fi;
	if
	:: got -> session_begins()
	:: else -> charge_late(when)
	fi
}

/* Its reservation has gone, or nobody is to be late. */
inline charge_late(when)
{
	atomic {
		now = clock;
		assert(lost[k] > 0 || excused || (when != ANY && when + LIVES <= clock));
		lost[k]--
	};
	user_add_locked(false)
}

/* Gives back the reservation of tick `when`: got, or it has gone. */
inline user_give(when)
{
#ifdef PLANT_C /* `taken` first */
	user_unpin();
#endif
	user_drop(when);
	if
	:: got -> user_unpin()
	:: else
	fi
}

inline user_unreserve(when)
{
	user_find();
	if
	:: r != NONE -> user_give(when)
	:: else -> got = false
	fi;
	if
	:: !got -> lost[k]--
	:: else
	fi
}

inline user_release()
{
	if
	:: session != NONE ->
		atomic {
			assert(user[session].key == k);
			user[session].word = user[session].word - 1;
			book[session].sessions--;
			sessions[k]--;
			check(session);
			session = NONE
		}
	:: else
	fi
}

/* A handshake that takes long: its reservation of tick `when` becomes one of later, t. */
inline user_renew(when)
{
	atomic { now = clock };
	user_find();
	got = false;
	if
	:: r != NONE ->
		atomic { got = user[r].tick == now };
		if
		:: got -> user_drop(when)
		:: else
		fi
	:: else
	fi;
	if
	:: got -> t = now + LEAD; ring_take(t)
	:: else -> user_renew_locked(when)
	fi
}

inline user_renew_locked(when)
{
	set_lock();
	user_find_or_make();
	if
	:: r != NONE ->
		user_expire();
		user_drop(when);
		if
		:: !got ->
			atomic {
				lost[k]--;
				beyond[k]++;
				user[r].word = user[r].word + 1;
				book[r].moving++;
				check(r)
			}
		:: else
		fi;
		t = user[r].tick + LEAD;
		ring_take(t)
	:: else /* no room: it goes on without one */
	fi;
	set_unlock()
}

/* ---- arrival.h ---- */

/* The slot of this CPU's packet; s is 0 if somebody took it away. */
inline arrival_take()
{
#ifdef PLANT_F /* read, then stored */
	s = arrival[me].pending;
	atomic { arrival[me].pending = 0; arrival_settled(me) }
#else
	atomic { s = arrival[me].pending; arrival[me].pending = 0; arrival_settled(me) }
#endif
}

/* The model's: packet `s` of CPU x had its slot taken over, once. */
inline arrival_settled(x)
{
	if
	:: s -> assert(settled[x] < s); settled[x] = s
	:: else
	fi
}

/* Packet `s` of CPU c, if it still is that one; else s = 0. */
inline arrival_steal()
{
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
	}
}

/* The last packet on this CPU opened nothing. */
inline arrival_clear()
{
	if
	:: packet ->
		atomic { swap = k; k = arrival[me].key; t = arrival[me].tick; packet = false };
		arrival_take();
		if
		:: s -> user_unreserve(t)
		:: else -> lost[k]--
		fi;
		atomic { k = swap; swap = 0; s = 0; t = 0 }
	:: else
	fi
}

inline arrival_set()
{
	atomic { arrival[me].key = k; packet = true };
	arrival[me].tick = t;
	atomic { number++; arrival[me].pending = number }
}

/* ---- what a CPU does ---- */

#define NOTHING   0
#define OPEN      10 /* + the user: connect(), charge, release */
#define FAIL      20 /* connect(), given back */
#define LEAVE     30 /* connect(), and nothing more: its reservation expires */
#define WAIT      40 /* connect(), renewed, charge, release */
#define SYN       50 /* a packet, queued, charge, release */
#define FORGED    60 /* a packet, queued, and nothing more */
#define SLOW_SYN  70 /* a packet, queued, renewed, charge, release */
#define COOKIE    80 /* a packet, charged at once, release */
#define STRAY     90 /* a packet */
#define WALK      100 /* a session from before headcount, release */
#define USER(act) ((act) % 10)
#define DOES(kind) (act / 10 == (kind) / 10)

/* connect(), and what follows. */
inline connect()
{
	user_reserve();
	if
	:: got && DOES(LEAVE) -> forgotten[k]++
#ifdef FAILS
	:: got && DOES(FAIL) -> user_unreserve(t)
#endif
	:: got && (DOES(OPEN) || DOES(WAIT)) ->
#ifdef WAITS
		if
		:: DOES(WAIT) -> user_renew(t)
		:: else
		fi;
#endif
		user_charge(t);
		user_release()
	:: else
	fi
}

/* A packet, which may be a SYN, the ACK of a SYN cookie, or neither. */
inline arrive()
{
	arrival_clear();
	user_reserve();
	if
	:: got ->
		arrival_set();
		if
		:: DOES(STRAY) /* the next packet of this CPU gives it back */
		:: else ->
			arrival_take();
			packet = false;
			if
			:: s && DOES(COOKIE) -> user_charge(t)
			:: !s && DOES(COOKIE) -> session = NONE; charge_late(t)
			:: !s && !DOES(COOKIE) -> atomic { now = clock }; user_add_locked(true)
			:: else
			fi;
			s = 0;
#ifdef WAITS
			if
			:: DOES(SLOW_SYN) -> user_renew(t)
			:: else
			fi;
#endif
			if
			:: DOES(FORGED) -> forgotten[k]++
			:: DOES(COOKIE) -> user_release()
			:: else -> user_charge(ANY); user_release()
			fi
		fi
	:: else
	fi
}

/* A session that is older than headcount. */
inline walk()
{
	atomic { now = clock };
	session = NONE;
	user_add();
	if
	:: !got -> user_add_locked(false)
	:: else
	fi;
	user_release()
}


proctype cpu(byte me; byte act; byte next)
{
	byte k, r, now, t, b, low, v, i, n, c, s, number, swap, session;
	short w;
	bool got, looked, packet;

	session = NONE;
	do
	:: act == NOTHING -> break
	:: else ->
		k = USER(act);
		if
#ifdef CONNECTS
		:: act < SYN -> connect()
#endif
#ifdef ARRIVALS
		:: act >= SYN && act < WALK -> arrive()
#endif
#ifdef WALKS
		:: act >= WALK -> walk()
#endif
		fi;
		atomic {
			act = next;
			next = NOTHING;
			k = 0; r = 0; now = 0; t = 0; b = 0; low = 0; v = 0; i = 0; n = 0; c = 0; s = 0;
			w = 0; got = false; looked = false
		}
	od;
	/* Its last packet's slot is left to time. */
	atomic {
		if
		:: packet && arrival[me].pending -> forgotten[arrival[me].key]++
		:: packet && !arrival[me].pending -> lost[arrival[me].key]--
		:: else
		fi;
		packet = false;
		done++
	}
}

/* Time passes, whenever. */
proctype timer()
{
	do
	:: clock < FIRST + TIME -> clock++
	:: clock == FIRST + TIME -> break
	od
}

/* Everybody has gone: as time goes on nothing is left (I2). */
init
{
	byte r, now, i, n, v;

	atomic {
		run timer();
		START
	};
	atomic {
		done == CPUS && clock == FIRST + TIME && !locked;
		do
		:: r == RECORDS -> break
		:: else ->
			now = clock;
			do
			:: now == clock + HC_TICKS -> break
			:: else -> now++; user_expire()
			od;
			assert(TAKEN(user[r].word) == 0 && book[r].sessions == 0 && book[r].moving == 0);
			r++
		od;
		assert(lost[A] == forgotten[A] && lost[B] == forgotten[B] && lost[C] == forgotten[C])
	}
}
