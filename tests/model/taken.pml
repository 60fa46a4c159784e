/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bpf/taken.h: each inline is the function of that name. It works on record `r` at tick `now` (read before,
 * and by then perhaps old) and answers in `got`. All of these are locals of a CPU (cpu.pml).
 */

/* ---- the word ---- */

/* `taken` += 1, unless the word is not `w` any more. */
inline user_pin()
{
	atomic {
		if
#ifdef PLANT_A /* whatever the word is by now */
		:: true ->
#else
		:: user[r].word == w ->
#endif
			user[r].word = user[r].word + 1;
			book[r].moving++;
			got = true
#ifndef PLANT_A
		:: else -> got = false
#endif
		fi;
		check(r)
	}
}

inline user_take()
{
	atomic {
		user[r].word = user[r].word + 1;
		book[r].moving++;
		check(r)
	}
}

inline user_give()
{
	atomic {
		user[r].word = user[r].word - 1;
		book[r].moving--;
		check(r)
	}
}

/* With the lock. */
inline user_take_below()
{
	got = false;
	w = user[r].word;
	if
	:: TAKEN(w) < THE_CAP ->
		atomic {
			got = TAKEN(user[r].word) < THE_CAP;
			user[r].word = user[r].word + 1;
			book[r].moving++;
			check(r)
		};
		if
		:: !got -> user_give()
		:: else
		fi
	:: else
	fi
}

/* ---- the ring ---- */

/* A unit that was counted in `taken` before goes into the bucket of tick `t`. */
inline held_add(t)
{
	atomic {
		user[r].held[(t) % HC_TICKS]++;
		book[r].moving--;
		excused = excused || (t) + LIVES <= clock;
		check(r)
	}
}

#ifdef PLANT_K
#define THERE(v) (v != 0)
#else
#define THERE(v) (v > 0)
#endif

/* Bucket `b` into v; and the next older one, if it is empty. */
inline held_read()
{
	atomic {
		v = user[r].held[b % HC_TICKS];
		if
		:: THERE(v)
		:: else -> v = 0; b--
		fi
	}
}

/* Bucket `b` less one, unless it is not `v` any more. */
inline held_swap()
{
	atomic {
		if
		:: user[r].held[b % HC_TICKS] == v ->
			user[r].held[b % HC_TICKS] = v - 1;
			book[r].moving++;
			excused = excused || user[r].key != k;
			got = true
		:: else -> got = false
		fi;
		v = 0;
		check(r)
	}
}

inline held_drop(when)
{
	atomic { b = when; got = false };
	do
	:: b < now - LIVES + 1 -> break
	:: else ->
		held_read();
		if
		:: v != 0 -> held_swap(); break
		:: else
		fi
	od
}

#ifdef PLANT_H /* the lock-free one, under the lock: a lost comparison is taken for "forgotten" */
#define held_drop_any(when)    held_drop(when)
#define held_drop_locked(when) held_drop(when)
#else
#define held_drop_locked(when) held_drop_from(when, now - LIVES + 1)
#ifdef PLANT_Q
#define held_drop_any(when) held_drop_locked(when)
#else
#define held_drop_any(when) held_drop_from(when, when - HC_TICKS + 1)
#endif

inline held_drop_from(when, last)
{
	atomic { b = when; got = false };
	do
	:: got || b < last -> break
	:: else ->
		held_read();
		if
		:: v != 0 ->
			atomic {
				v = user[r].held[b % HC_TICKS];
				user[r].held[b % HC_TICKS] = v - 1;
				book[r].moving++;
				got = v > 0;
				v = 0;
				check(r)
			};
			if
#ifdef PLANT_J /* not undone */
			:: !got -> b--
#else
			:: !got ->
				atomic {
					user[r].held[b % HC_TICKS]++;
					book[r].moving--;
					b--;
					check(r)
				}
#endif
			:: else
			fi
		:: else
		fi
	od
}
#endif

/* The next bucket that is over and holds any: those that do not are passed by in one step. */
inline held_pass(over)
{
	do
	:: i < HC_TICKS && !(user[r].held[i] && over) -> i++
	:: else -> break
	od
}

/* The step of user_expire() and user_reclaim(): bucket i is emptied, and `taken` lowered. */
inline held_empty()
{
#ifdef PLANT_B /* read, then stored */
	atomic { v = user[r].held[i] };
#endif
	atomic {
#ifndef PLANT_B
		v = user[r].held[i];
#endif
		assert(v >= 0);
		lost[user[r].key] = lost[user[r].key] + v;
		book[r].moving = book[r].moving + v;
		user[r].held[i] = 0;
		check(r)
	};
	if
	:: v > 0 ->
		atomic {
			user[r].word = user[r].word - v;
			book[r].moving = book[r].moving - v;
			v = 0;
			check(r)
		}
	:: else
	fi
}

#define NEWEST (user[r].tick + LEAD)
#define HELD_OVER(i) (NEWEST - (NEWEST - (i)) % HC_TICKS < now - (LIVES - 1))

/* With the lock. */
inline user_expire()
{
	if
	:: user[r].tick < now ->
		atomic { i = 0; held_pass(HELD_OVER(i)) };
		do
		:: i == HC_TICKS -> break
		:: else -> held_empty(); atomic { held_pass(HELD_OVER(i)) }
		od;
		atomic { user[r].tick = now; i = 0 }
	:: else
	fi
}

/* ---- whose the record is, with the lock ---- */

inline user_reclaim()
{
	atomic { i = 0; held_pass(true) };
	do
	:: i == HC_TICKS -> break
	:: else -> held_empty(); atomic { held_pass(true) }
	od;
	atomic { w = user[r].word; i = 0; got = TAKEN(w) == 0 };
	if
	:: got ->
		atomic {
			if
#ifdef PLANT_E /* stored */
			:: true ->
#else
			:: user[r].word == w ->
#endif
				user[r].word = w + EPOCH + MAKING;
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

inline user_made()
{
	atomic { user[r].word = user[r].word - MAKING; check(r) }
}

#ifdef UNITS
/* With the lock. */
inline user_set_units()
{
#ifdef PLANT_S /* the slots first */
	atomic { w = user[r].word };
	user[r].units = number
#else
	user[r].units = number;
	atomic { w = user[r].word }
#endif
}
#endif

/* A reservation as one of tick `to`; got: it has one now. */
inline user_renewed(when, to, gone)
{
	if
	:: gone -> got = false
	:: else -> held_drop_locked(when)
	fi;
	if
	:: !got ->
#ifdef PLANT_L /* whatever the cap says */
		user_take();
		got = true;
#else
		user_take_below();
#endif
		if
		:: got -> lost[k]--
		:: else
		fi
	:: else
	fi;
	if
	:: got -> held_add(to)
	:: else
	fi
}

/* ---- audit --repair ---- */

/* `change` more, unless something has happened to the word since it was `w`. */
inline user_correct(change)
{
	atomic {
		if
		:: user[r].word == w ->
#ifdef PLANT_P /* as if nothing had happened */
			user[r].word = w + change;
#else
			user[r].word = w + change + EPOCH;
#endif
			book[r].wrong = book[r].wrong + change;
			check(r);
			assert(book[r].wrong >= 0)
		:: else
		fi
	}
}
