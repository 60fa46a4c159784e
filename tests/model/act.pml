/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bpf/users.h and bpf/act.h: whose a record is; what is done with the slots of user `k`, first without the
 * lock (user_try_...), then with it.
 */

inline set_lock()
{
	atomic { !locked -> locked = true }
}

inline set_unlock()
{
	atomic { locked = false; w = 0; b = 0 }
}

/* ---- users.h ---- */

/* users_seek(), users_find(): by the tag, which without the lock is a hint. */
inline users_find()
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

/* May the record be reclaimed? */
inline users_worth()
{
	w = user[r].word;
	atomic { got = RESERVED(r) == TAKEN(w); w = 0 }
}

/* A record for user k in r; NONE if all have sessions. Any of those that may be reclaimed. */
inline users_make()
{
	atomic { r = 0; c = NONE };
	do
	:: r == RECORDS -> break
	:: else ->
		users_worth();
		if
		:: got -> c = r
		:: got && c != NONE
		:: !got
		fi;
		r++
	od;
	atomic { r = c; c = 0; got = r != NONE };
	if
	:: got -> user_reclaim()
	:: else
	fi;
	if
	:: got ->
		user[r].tag = k;
#ifdef POLICY
		user[r].generation = 0;
		user[r].cap = 0;
#endif
#ifdef UNITS
		user[r].units = 0;
#endif
		user[r].key = k;
		user[r].tick = now;
		user_made()
	:: else -> r = NONE
	fi
}

/* With the lock: the record, brought up to now; r == NONE if there is no room. */
inline user_act()
{
	users_find();
	if
	:: r == NONE -> users_make()
	:: else
	fi;
	if
	:: r != NONE -> user_resolve(); user_expire()
	:: else
	fi
}

/* The cap, by the policy `g`. */
inline user_resolve()
{
#ifdef POLICY
	if
#ifdef PLANT_N /* an older one, too */
	:: user[r].generation != g ->
#else
	:: user[r].generation < g ->
#endif
#ifdef PLANT_O /* the number first */
		user[r].generation = g;
		user[r].cap = CAP_OF(g)
#else
		user[r].cap = CAP_OF(g);
		user[r].generation = g
#endif
	:: else
	fi
#else
	skip
#endif
}

/* ---- act.h ---- */

/* The cap and its number, in whichever order the CPU reads them; or the units, which user_most() does. */
inline user_read_cap()
{
#ifdef POLICY
	atomic { g = generation };
	if
	:: cap = user[r].cap; atomic { got = got && user[r].generation == g }
	:: atomic { got = got && user[r].generation == g }; cap = user[r].cap
	fi;
	got = got && TAKEN(w) < cap
#elif defined(UNITS)
	cap = user[r].units;
	got = got && TAKEN(w) < cap
#else
	skip
#endif
}

/* The record is k's, and its cap, or its units, have not changed. */
inline user_look_again()
{
#ifdef PLANT_D
	skip;
#else
	atomic { got = user[r].key == k };
#endif
#ifdef UNITS
#ifndef PLANT_R
	atomic { got = got && user[r].units == cap };
#endif
#endif
#ifdef POLICY
#ifndef PLANT_M
	atomic { got = got && user[r].cap == cap };
#endif
	assert(!got || TAKEN(w) < CAP_OF(g))
#endif
}

inline user_try_reserve()
{
	users_find();
	at_cap = false;
	if
	:: r != NONE ->
		w = user[r].word;
		at_cap = TAKEN(w) >= CAP;
		atomic { got = !(w & MAKING) && TAKEN(w) < CAP && user[r].tick == now };
		if
		:: got -> user_read_cap()
		:: else
		fi;
		if
		:: got -> user_pin()
		:: else
		fi;
		if
		:: got ->
			user_look_again();
			if
			:: got -> held_add(now)
			:: else -> user_give()
			fi
		:: else
		fi
	:: else
	fi
}

inline reserve_locked()
{
	atomic {
		skip;
#ifdef POLICY
		g = generation
#endif
	};
	set_lock();
	user_act();
	got = false;
	if
	:: r != NONE ->
		user_take_below();
		if
		:: got -> held_add(now)
		:: else
		fi
	:: else
	fi;
	set_unlock()
}

/* A session's, of a reservation of tick `when`. */
inline user_try_charge(when)
{
	users_find();
	if
	:: r != NONE ->
		atomic { w = user[r].word; got = !(w & MAKING) };
		if
		:: got -> held_drop(when)
		:: else
		fi;
#ifndef PLANT_I /* it is believed to be the same user's */
		if
		:: got ->
			atomic { got = user[r].key == k };
			if
			:: !got -> held_add(when)
			:: else
			fi
		:: else
		fi
#endif
	:: else
	fi
}

inline charge_locked(when)
{
	set_lock();
	user_act();
	if
	:: r != NONE ->
		held_drop_any(when);
		if
		:: !got ->
			charge_late(when);
#ifdef PLANT_Q /* sessions alone are compared with the cap */
			atomic { got = TAKEN(user[r].word) - RESERVED(r) < THE_CAP };
			if
			:: got -> user_take()
			:: else
			fi;
#else
			user_take_below();
#endif
			if
			:: !got -> beyond[k]++; user_take() /* it is to be closed */
			:: else
			fi
		:: else
		fi;
		session_begins()
	:: else -> charge_late(when) /* no room: not counted */
	fi;
	set_unlock()
}

/* Of what has no reservation. */
inline user_try_add()
{
	users_find();
	if
	:: r != NONE ->
		atomic { w = user[r].word; got = !(w & MAKING) };
		if
		:: got -> user_pin()
		:: else
		fi;
		if
		:: got ->
			atomic { got = user[r].key == k };
			if
			:: got -> beyond[k]++; session_begins()
			:: else -> user_give()
			fi
		:: else
		fi
	:: else
	fi
}

inline add_locked()
{
	set_lock();
	user_act();
	if
	:: r != NONE -> beyond[k]++; user_take(); session_begins()
	:: else
	fi;
	set_unlock()
}

/* Gives back the reservation of tick `when`, or it has been forgotten. */
inline user_drop(when)
{
	set_lock();
	users_find();
	got = false;
	if
	:: r != NONE ->
#ifdef PLANT_C /* `taken` first */
		user_give();
#endif
		held_drop_locked(when);
		if
		:: got -> user_give()
		:: else
		fi
	:: else
	fi;
	if
	:: !got -> lost[k]--
	:: else
	fi;
	set_unlock()
}

/* The reservation of tick `when` becomes one of tick `to`; with `gone`, another has given it back. */
inline user_renew(when, to, gone)
{
	set_lock();
	users_find();
	if
	:: r != NONE -> user_expire(); user_renewed(when, to, gone)
	:: else
	fi;
	set_unlock()
}
