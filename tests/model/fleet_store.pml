/* SPDX-License-Identifier: GPL-2.0-only */
/* exchange.lua, confirm.lua; servers, which follow each other; what goes wrong with them. */

hidden byte e, who, others, got, last;
hidden byte whole;
hidden short room;

inline remove(s, id)
{
	server[s].who[id].tag = NONE;
	server[s].who[id].n = 0;
	server[s].who[id].synced = false;
	server[s].who[id].units = 0
}

inline forget(s)
{
	server[s].epoch = NONE;
	server[s].ready = false;
	for (i : 0 .. IDS - 1) {
		remove(s, i)
	}
	i = 0
}

inline name_anew(s)
{
	names++;
	server[s].name = names
}

#ifdef PLANT_LOST
#define OTHER_SERVER(s) false
#else
#define OTHER_SERVER(s) (name[server[s].epoch] != server[s].name)
#endif

/* It is not this epoch that goes on. */
#define IS_NEW(m) \
	(!server[m.server].epoch || OTHER_SERVER(m.server) || \
	 number[m.epoch] > number[server[m.server].epoch] || \
	 (number[m.epoch] == number[server[m.server].epoch] && m.epoch != server[m.server].epoch))

inline begin_epoch(m, s)
{
	last = (number[m.epoch] > number[server[s].epoch] -> number[m.epoch] : number[server[s].epoch]);
	forget(s);
	e = epochs + 1;
	epochs = e;
	number[e] = last + 1;
	name[e] = server[s].name;
	server[s].epoch = e
}

inline give(m, s)
{
	others = 0;
	for (i : 0 .. IDS - 1) {
		others = others + (i != who -> server[s].who[i].units : 0)
	}
	i = 0;
	got = m.have;
	room = CAP - others - got;
#ifdef PLANT_OVER
	room++;
#endif
	if
	:: server[s].ready && room > 0 && m.need > got ->
		got = got + (m.need - got < room -> m.need - got : room)
	:: else
	fi;
	server[s].who[who].units = got;
	m.have = got
}

/* The message becomes its answer; an older one has none. */
inline exchange(m, s)
{
	printf("server %d hears %d of %d\n", s, m.n, m.id);
	if
	:: IS_NEW(m) -> begin_epoch(m, s)
	:: else
	fi;
	who = m.id;
	if
#ifdef PLANT_ORDER
	:: server[s].who[who].tag && m.n == server[s].who[who].n -> m.state = NONE
#else
	:: server[s].who[who].tag && m.n <= server[s].who[who].n -> m.state = NONE
#endif
	:: else ->
		m.state = RAN;
		if
		:: m.epoch != server[s].epoch || !server[s].who[who].tag || m.tag != server[s].who[who].tag ->
			server[s].who[who].tag = m.n;
			server[s].who[who].n = m.n;
			server[s].who[who].synced = false;
			server[s].who[who].units = 0;
			m.synced = true;
			m.item = false;
			m.have = 0
		:: else ->
			server[s].who[who].n = m.n;
			server[s].who[who].synced = m.synced;
			m.synced = false;
			if
#ifdef PLANT_SWAPPED
			:: m.expel ->
#else
			:: m.expel && server[s].who[m.expel - 1].n == m.expel_n ->
#endif
				remove(s, m.expel - 1)
			:: else
			fi;
			whole = true;
#ifndef PLANT_SYNCED
			for (i : 0 .. IDS - 1) {
				whole = whole && (!server[s].who[i].tag || server[s].who[i].synced)
			}
			i = 0;
#endif
			server[s].ready = server[s].ready || (m.ready && whole);
#ifdef PLANT_LEARNED
			server[s].ready = true;
#endif
			if
			:: m.item -> give(m, s)
			:: else
			fi
		fi;
		m.epoch = server[s].epoch;
		m.tag = server[s].who[who].tag;
		m.ready = server[s].ready;
#ifdef EXPELS
		for (i : 0 .. IDS - 1) {
			m.peers[i] = (i == who -> 0 : server[s].who[i].n)
		}
		i = 0;
#endif
		skip
	fi;
	m.need = 0; m.expel = 0; m.expel_n = 0;
#if SERVERS == 1 || defined(PLANT_UNCONFIRMED)
	m.state = (m.state == RAN -> ANSWER : NONE);
#endif
	if
	:: m.state == ANSWER -> m.server = 0
	:: m.state == NONE -> drop(m)
	:: else
	fi
}

/* Whoever waits there for an answer: the connection is broken. */
inline close_connections(s)
{
	for (j : 0 .. HOSTS - 1) {
		if
		:: flying[j].server == s && (flying[j].state == RAN || flying[j].state == ACKED) -> fleet_give_up(j)
		:: else
		fi
	}
	j = 0
}

inline detach_all(s)
{
	for (j : 0 .. SERVERS - 1) {
		if
		:: j != s && server[j].upstream == s -> server[j].attached = false
		:: else
		fi
	}
	j = 0
}

/* The stream up to now arrives at a replica, and its acknowledgement at the primary. */
inline stream(s)
{
	printf("server %d has all of %d\n", s, server[s].upstream);
	server[s].epoch = server[server[s].upstream].epoch;
	server[s].ready = server[server[s].upstream].ready;
	for (i : 0 .. IDS - 1) {
		server[s].who[i].tag = server[server[s].upstream].who[i].tag;
		server[s].who[i].n = server[server[s].upstream].who[i].n;
		server[s].who[i].synced = server[server[s].upstream].who[i].synced;
		server[s].who[i].units = server[server[s].upstream].who[i].units
	}
	i = 0;
	for (j : 0 .. HOSTS - 1) {
		if
		:: flying[j].state == RAN && flying[j].server == server[s].upstream -> flying[j].state = ACKED
		:: else
		fi
	}
	j = 0
}

/* With what it has. */
inline promote(s)
{
	printf("server %d is promoted\n", s);
	faults++;
	server[s].primary = true;
	server[s].attached = false;
	server[s].upstream = 0;
	name_anew(s)
}

/* It comes as a replica, whoever told it to, and takes all. */
inline follow(s, other)
{
	printf("server %d follows %d\n", s, other);
	faults++;
	close_connections(s);
	detach_all(s);
	server[s].primary = false;
	server[s].attached = true;
	server[s].upstream = other;
	server[s].name = NONE;
#ifndef PLANT_SYNCS
	name_anew(other);
#endif
	stream(s)
}

/* The replicas that WAIT counted have been this server's since before the epoch began. */
inline confirm(h, s)
{
	printf("server %d confirms %d of host %d\n", s, flying[h].n, h);
	if
#if defined(PLANT_CHANGED) || defined(PLANT_LOST)
	:: true ->
#else
	:: name[flying[h].epoch] == server[s].name ->
#endif
		flying[h].state = ANSWER;
		flying[h].server = 0
#if !defined(PLANT_CHANGED) && !defined(PLANT_LOST)
	:: else -> fleet_give_up(h)
#endif
	fi
}

/* Nobody waits for its answer. */
inline outlived(m)
{
#ifdef PLANT_LATE
	if
	:: m.state == RAN -> m.state = ANSWER
	:: else
	fi
#else
	drop(m)
#endif
}

#define ARRIVES(m) \
	(m.state == SENT && m.server == s && server[s].primary && (epochs < EPOCHS || !IS_NEW(m)))
#define CONFIRM 4
#define STREAM  6
#define PROMOTE 7
#define FOLLOW  8
#define WIPE    11

/* What happens at server s. */
proctype store(byte s)
{
	byte j;

end:	do
	:: atomic {
		if
		:: ARRIVES(flying[0]) -> what = 0
		:: ARRIVES(flying[1]) -> what = 1
		:: ARRIVES(old[0]) -> what = 2
		:: ARRIVES(old[1]) -> what = 3
#if SERVERS > 1
		:: flying[0].state == ACKED && flying[0].server == s -> what = CONFIRM
		:: flying[1].state == ACKED && flying[1].server == s -> what = CONFIRM + 1
		:: server[s].attached -> what = STREAM
		:: !server[s].primary && faults < FAULTS -> what = PROMOTE
		:: server[(s + 1) % SERVERS].primary && faults < FAULTS -> what = FOLLOW + 1
#if SERVERS > 2
		:: server[(s + 2) % SERVERS].primary && faults < FAULTS -> what = FOLLOW + 2
#endif
#else
		:: server[s].epoch && faults < FAULTS -> what = WIPE
#endif
		fi;
		d_step {
			if
			:: what < 2 -> exchange(flying[what], s)
			:: what == 2 || what == 3 -> exchange(old[what - 2], s); outlived(old[what - 2])
#if SERVERS > 1
			:: what == CONFIRM || what == CONFIRM + 1 -> confirm(what - CONFIRM, s)
			:: what == STREAM -> stream(s)
			:: what == PROMOTE -> promote(s)
			:: what > FOLLOW && what < WIPE -> to = (s + what - FOLLOW) % SERVERS; follow(s, to)
#else
			:: what == WIPE -> faults++; forget(s); printf("the server is wiped\n")
#endif
			fi;
			check()
		} }
	od
}
