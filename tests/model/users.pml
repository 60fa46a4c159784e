/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Users without locks: each inline is a function of bpf/ of the same name. It works for user `k` at tick
 * `now` (read before, and by then perhaps old), on record `r`, and answers in `got`. All of these are
 * locals of a CPU (cpu.pml).
 */

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
