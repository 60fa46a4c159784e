/* SPDX-License-Identifier: GPL-2.0-only */
/* The slow way, with the set locked: expire, reclaim, decide at the cap, charge what is late. */

inline set_lock()
{
	atomic { !locked -> locked = true }
}

inline set_unlock()
{
	locked = false
}

#define RING_KEPT(i) (((i) + 4 * HC_TICKS - (now - LIVES + 1)) % HC_TICKS < \
		      LEAD + LIVES - (now - user[r].tick))

/* Brings the ring to `now`: empties all but what was of a tick that still lives. */
inline user_expire()
{
	if
	:: user[r].tick < now ->
		i = 0;
		n = 0;
		do
		:: i == HC_TICKS -> break
		:: i < HC_TICKS && RING_KEPT(i) -> i++
		:: i < HC_TICKS && !RING_KEPT(i) -> ring_empty()
		od;
		if
		:: n > 0 -> user_subtract()
		:: else
		fi;
		atomic { user[r].tick = now; i = 0 }
	:: else
	fi
}

/* Bucket i into n, and the next. */
inline ring_empty()
{
#ifdef PLANT_B /* read, then stored */
	atomic { v = user[r].bucket[i] };
	atomic {
		n = n + v;
		lost[user[r].key] = lost[user[r].key] + v;
		book[r].moving = book[r].moving + v;
		user[r].bucket[i] = 0;
		check(r);
		v = 0;
		i++
	}
#else
	atomic {
		n = n + user[r].bucket[i];
		lost[user[r].key] = lost[user[r].key] + user[r].bucket[i];
		book[r].moving = book[r].moving + user[r].bucket[i];
		user[r].bucket[i] = 0;
		check(r);
		i++
	}
#endif
}

inline user_subtract()
{
	atomic {
		user[r].word = user[r].word - n;
		book[r].moving = book[r].moving - n;
		n = 0;
		check(r)
	}
}

/* As the last resort: a user that has nothing but reservations loses them. */
inline user_sacrifice()
{
	i = 0;
	n = 0;
	do
	:: i == HC_TICKS -> break
	:: i < HC_TICKS -> atomic { n = n + user[r].bucket[i]; i++ }
	od;
	atomic {
		got = n == TAKEN(user[r].word);
		i = 0;
		n = 0
	};
	if
	:: got ->
		do
		:: i == HC_TICKS -> break
		:: i < HC_TICKS -> ring_empty()
		od;
		user_subtract();
		i = 0
	:: else
	fi
}

/* Record r from a user without sessions and reservations; got. */
inline user_claim()
{
	atomic { w = user[r].word; got = TAKEN(w) == 0 };
	if
	:: got ->
		atomic {
			if
#ifdef PLANT_E /* stored */
			:: true ->
#else
			:: user[r].word == w ->
#endif
				user[r].word = (w | MAKING) + EPOCH;
				check(r);
				assert(book[r].sessions == 0 && book[r].moving == 0 && RESERVED(r) == 0)
#ifndef PLANT_E
			:: else -> got = false
#endif
			fi
		}
	:: else
	fi
}

/* A record for user k in r; NONE if all have sessions. */
inline user_reclaim()
{
	r = 0;
	got = false;
	do
	:: r == RECORDS || got -> break
	:: else ->
		user_expire();
		user_claim();
		if
		:: !got -> r++
		:: else
		fi
	od;
#ifdef SACRIFICE
	if
	:: !got -> r = 0
	:: else
	fi;
	do
	:: r == RECORDS || got -> break
	:: else ->
		user_sacrifice();
		user_claim();
		if
		:: !got -> r++
		:: else
		fi
	od;
#endif
	if
	:: got ->
		user[r].tag = k;
		user[r].key = k;
		user[r].tick = now;
		atomic { user[r].word = w + EPOCH; check(r) }
	:: else -> r = NONE
	fi
}

inline user_find_or_make()
{
	user_find();
	if
	:: r == NONE -> user_reclaim()
	:: else
	fi
}

/*
 * At the cap: what other CPUs hold for a packet of user k, and have not come back to for long, is given back.
 */
inline arrival_take_away()
{
	c = 0;
	do
	:: c == CPUS -> break
	:: c < CPUS ->
		s = arrival[c].pending;
		if
		:: s && arrival[c].key == k ->
			t = arrival[c].tick;
			arrival_steal();
			if
			:: s ->
				user_give(t);
				if
				:: !got -> lost[k]--
				:: else
				fi
			:: else
			fi
		:: else
		fi;
		atomic { s = 0; t = 0; c++ }
	od;
	c = 0
}

/* Reserve: got, or r == NONE if there is no room for the user, or refused. */
inline user_take_locked()
{
	set_lock();
	user_find_or_make();
	got = false;
	if
	:: r != NONE ->
		user_expire();
		do
		:: got -> break
		:: !got ->
			w = user[r].word;
			if
			:: TAKEN(w) < CAP ->
				atomic {
					if
					:: user[r].word == w ->
						user[r].word = w + 1;
						book[r].moving++;
						got = true;
						check(r)
					:: else
					fi
				}
			:: TAKEN(w) >= CAP && !looked -> arrival_take_away(); got = false; looked = true
			:: TAKEN(w) >= CAP && looked -> break
			fi
		od;
		looked = false;
		if
		:: got -> t = user[r].tick; ring_take(t)
		:: else
		fi
	:: else
	fi;
	set_unlock()
}

/* Whatever the cap says: a session, or with `reserve` a reservation whose first one has gone. */
inline user_add_locked(reserve)
{
	set_lock();
	user_find_or_make();
	if
	:: r != NONE ->
		user_expire();
		atomic {
			beyond[k]++;
			user[r].word = user[r].word + 1;
			book[r].moving++;
			check(r)
		};
		if
		:: reserve -> t = user[r].tick; atomic { lost[k]--; ring_take(t) }
		:: else -> session_begins()
		fi
	:: else
	fi;
	set_unlock()
}
