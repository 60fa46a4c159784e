/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the programs call (bpf/admit.h, bpf/session.h), and CPUs that do: each has two things to do, and
 * whatever may happen then happens.
 */

/* ---- admit.h ---- */

inline user_reserve()
{
	user_try_reserve();
	if
	:: !got ->
#ifdef ARRIVALS
		if
		:: at_cap -> arrivals_look()
		:: else
		fi;
#endif
		reserve_locked()
	:: else
	fi;
	atomic { at_cap = false; w = 0 }
}

/* A unit of record r is a session's from here on: of the right user. */
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

/* The model's: its reservation has gone, or nobody is to be late. */
inline charge_late(when)
{
	atomic {
		assert(lost[k] > 0 || excused || when + LIVES <= clock);
		lost[k]--
	}
}

/* Takes over a reservation of tick `when`, or an older one. */
inline user_charge(when)
{
	session = NONE;
	user_try_charge(when);
	if
	:: got -> session_begins()
	:: else -> charge_locked(when)
	fi;
	atomic { w = 0; b = 0 }
}

/* A session that is older than headcount. */
inline user_add()
{
	session = NONE;
	user_try_add();
	if
	:: !got -> add_locked()
	:: else
	fi;
	w = 0
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

/* ---- what a CPU does ---- */

#define NOTHING   0
#define OPEN      10 /* + the user: connect(), charge, release */
#define FAIL      20 /* connect(), given back */
#define LEAVE     30 /* connect(), and nothing more: its reservation expires */
#define WAIT      40 /* a handshake whose reservation is renewed, charge, release */
#define SYN       50 /* a packet, queued, charge, release */
#define FORGED    60 /* a packet, queued, and nothing more */
#define SLOW_SYN  70 /* a packet, queued, renewed, charge, release */
#define COOKIE    80 /* a packet, charged at once, release */
#define STRAY     90 /* a packet */
#define WALK      100 /* a session from before headcount, release */
#define ACCEPT    110 /* a session whose handshake began before the gate was there: charge, release */
#define USER(act) ((act) % 10)
#define DOES(kind) (act / 10 == (kind) / 10)

/* Its reservation of tick t is made one of as late a tick as may be. */
inline renew()
{
	atomic { now = clock };
	user_renew(t, now + LEAD, false);
	t = now + LEAD
}

/* connect(), and what follows. */
inline connect()
{
	atomic { now = clock };
	user_reserve();
	if
	:: got && DOES(LEAVE) -> forgotten[k]++
#ifdef FAILS
	:: got && DOES(FAIL) -> t = now; atomic { now = clock }; user_drop(t)
#endif
	:: got && DOES(OPEN) -> user_charge(now); user_release()
#ifdef WAITS
	:: got && DOES(WAIT) ->
		t = now;
		renew();
		atomic { now = clock };
		user_charge(t);
		user_release()
#endif
	:: else
	fi
}

/* A packet, which may be a SYN, the ACK of a SYN cookie, or neither. */
inline arrive()
{
	atomic { now = clock };
	arrival_clear();
	user_reserve();
	if
	:: got ->
		arrival_set();
		t = now;
		if
		:: DOES(STRAY) /* the next packet of this CPU gives it back */
		:: DOES(COOKIE) ->
			arrival_done();
			s = 0;
			atomic { now = clock };
			user_charge(t);
			user_release()
		:: else ->
			arrival_queued();
#ifdef WAITS
			if
			:: DOES(SLOW_SYN) -> renew()
			:: else -> t = ANY
			fi;
#else
			t = ANY;
#endif
			if
			:: DOES(FORGED) -> forgotten[k]++
			:: else ->
				atomic {
					now = clock;
					if
					:: t == ANY -> t = now
					:: else
					fi
				};
				user_charge(t);
				user_release()
			fi
		fi
	:: else
	fi
}

inline accept()
{
	atomic { now = clock; lost[k]++ };
	user_charge(now);
	user_release()
}

inline walk()
{
	atomic { now = clock };
	user_add();
	user_release()
}

proctype cpu(byte me; byte act; byte next)
{
	byte k, r, now, t, b, i, n, c, s, number, swap, session;
	short w, v;
	bool got, at_cap, packet;
#ifdef POLICY
	byte g, cap;
#endif
#ifdef UNITS
	byte cap;
#endif

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
		:: DOES(WALK) -> walk()
#endif
#ifdef ACCEPTS
		:: DOES(ACCEPT) -> accept()
#endif
		fi;
		atomic {
			act = next;
			next = NOTHING;
#ifdef POLICY
			g = 0; cap = 0;
#endif
#ifdef UNITS
			cap = 0;
#endif
			k = 0; r = 0; now = 0; t = 0; b = 0; v = 0; i = 0; n = 0; c = 0; s = 0;
			w = 0; got = false; at_cap = false
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

#ifdef POLICY
proctype policy()
{
	generation = 2
}
#endif

#ifdef UNITS
/* set_units: fewer, and `taken` read after that. From here on no more are held than those. */
proctype daemon()
{
	byte r, w, number;

	set_lock();
	if
	:: number = 0
	:: number = 1
	fi;
	user_set_units();
	atomic {
		bound = (TAKEN(w) > number -> TAKEN(w) : number);
		check(r)
	};
	locked = false
}
#endif

#ifdef AUDITS
/* Looks while nobody is in the middle of something (it looks twice), and corrects at any time after that. */
proctype audit()
{
	byte r;
	short w, change;

	atomic {
		book[r].moving == 0;
		w = user[r].word;
		change = book[r].sessions + RESERVED(r) - TAKEN(w)
	};
	if
	:: change -> user_correct(change)
	:: else
	fi
}
#endif

/* Everybody has gone: as time goes on nothing is left (I2). */
init
{
	byte r, now, i, n;
	short v;

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
			assert(TAKEN(user[r].word) == book[r].wrong && book[r].sessions == 0 &&
			       book[r].moving == 0);
			r++
		od;
		assert(lost[A] == forgotten[A] && lost[B] == forgotten[B] && lost[C] == forgotten[C])
	}
}
