/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Users without locks: each inline is a function of bpf/ of the same name. It works for user `k` at tick
 * `now` (read before, and by then perhaps old), on record `r`, and answers in `got`. All of these are
 * locals of a CPU (cpu.pml).
 */

inline set_lock()
{
	atomic { !locked -> locked = true }
}

inline set_unlock()
{
	locked = false
}

/* By its tag, which is a hint: the record may be another's by the time it is touched. */
inline user_find()
{
	r = 0;
	got = false;
	do
	:: got -> break
	:: !got && r < RECORDS ->
		atomic {
			got = user[r].tag == k;
			if
			:: !got -> r++
			:: else
			fi
		}
	:: !got && r == RECORDS -> r = NONE; break
	od
}

/* ---- the ring ---- */

/* A unit that was counted in `taken` before goes into the bucket of tick `t`. */
inline ring_take(t)
{
	atomic {
		user[r].bucket[(t) % HC_TICKS]++;
		book[r].moving--;
		excused = excused || (t) + LIVES <= clock;
		check(r)
	}
}

/* Takes one out of the buckets of the ticks `b` down to `low`. A comparison that fails is tried again: somebody
 * else got one, and there may be more. */
inline ring_drop()
{
	got = false;
	do
	:: b < low || got -> break
	:: else ->
		atomic {
			v = user[r].bucket[b % HC_TICKS];
			if
			:: v == 0 -> b--
			:: else
			fi
		};
		if
		:: v > 0 ->
			atomic {
				if
				:: user[r].bucket[b % HC_TICKS] == v ->
					user[r].bucket[b % HC_TICKS] = v - 1;
					book[r].moving++;
					excused = excused || user[r].key != k;
					got = true
				:: else ->
#ifdef PLANT_H /* not tried again */
					b--
#else
					skip
#endif
				fi;
				check(r);
				v = 0
			}
		:: else
		fi
	od
}

/* Where ring_drop() looks: at tick `when` and before, or at all of the ring, the newest first. */
inline ring_about(when)
{
	atomic {
		if
		:: when == ANY -> b = user[r].tick + LEAD; low = b - HC_TICKS + 1
		:: else -> b = when; low = user[r].tick - LIVES + 1
		fi
	}
}

/* Takes a reservation of user k out of record r, which may be another's by now. */
inline user_drop(when)
{
	got = false;
	atomic {
		if
		:: user[r].key != k -> r = NONE
		:: else
		fi
	};
	if
	:: r != NONE ->
		ring_about(when);
		ring_drop()
	:: else
	fi;
#ifndef PLANT_I /* it is believed to be the same user's */
	if
	:: got ->
		atomic {
			if
			:: user[r].key != k -> got = false
			:: else
			fi
		};
		if
		:: !got -> ring_take(b) /* put back */
		:: else
		fi
	:: else
	fi
#endif
}

/* ---- the word ---- */

/*
 * `taken` += 1, unless the word is not `w` any more; then the record is pinned, and its key is read.
 */
inline user_pin()
{
	atomic {
#ifdef PLANT_A /* added blindly, and taken back below */
		w = user[r].word;
		user[r].word = w + 1;
		book[r].moving++;
		got = true;
#else
		if
		:: user[r].word == w ->
			user[r].word = w + 1;
			book[r].moving++;
			got = true
		:: else -> got = false
		fi;
#endif
		check(r)
	};
#ifdef PLANT_A
	if
	:: (w & MAKING) || TAKEN(w) >= CAP -> user_unpin(); got = false
	:: else
	fi;
#endif
#ifndef PLANT_D
	if
	:: got ->
		atomic {
			if
			:: user[r].key != k -> got = false
			:: else
			fi
		};
		if
		:: !got -> user_unpin()
		:: else
		fi
	:: else
	fi
#endif
}

/* `taken` -= 1. */
inline user_unpin()
{
	atomic {
		user[r].word = user[r].word - 1;
		book[r].moving--;
		check(r)
	}
}

/* ---- the fast way ---- */

/* Reserve without the lock. */
inline user_take()
{
	user_find();
	got = false;
	if
	:: r != NONE ->
		w = user[r].word;
		atomic {
			if
			:: !(w & MAKING) && TAKEN(w) < CAP && user[r].tick == now -> got = true
			:: else
			fi
		};
		if
		:: got -> user_pin()
		:: else
		fi;
		if
		:: got -> t = now; ring_take(t)
		:: else
		fi
	:: else
	fi
}

/* Charge what has no reservation, without the lock. */
inline user_add()
{
	user_find();
	got = false;
	if
	:: r != NONE ->
		w = user[r].word;
		if
		:: !(w & MAKING) -> user_pin()
		:: else
		fi;
		if
		:: got -> beyond[k]++; session_begins()
		:: else
		fi
	:: else
	fi
}

/* ---- the slow way: the set is locked ---- */

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
