/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * user/fleet/README.md: hosts, servers and what is under way between them; the judge. Each step of a host or
 * of a server is one step here. There is one user.
 *
 * Time is the order of three things: a lease has passed since a message was sent (`over`), since a host saw
 * another's number (`mark`), and since it came to know its epoch (`since`). Messages are the clock: what was sent
 * before somebody began to wait for a lease is over when he has.
 */

#define NONE 0

/* stage */
#define FLEET_OUT    0
#define FLEET_CLAIMS 1
#define FLEET_MEMBER 2

/* message.state: NONE, and how far it has come */
#define SENT   1 /* to the server */
#define RAN    2 /* exchange.lua; WAIT waits */
#define ACKED  3 /* WAIT is content, confirm.lua is next */
#define ANSWER 4 /* on its way to the host */

typedef fleet_message { /* after RAN: the answer */
	byte state, server;
	byte id, n;
	byte epoch, tag;
	bool synced; /* flag s; in the answer: it has joined */
	bool ready;  /* flag r; in the answer: the epoch is */
	byte expel, expel_n;
	bool item;
	byte have; /* in the answer: units */
	byte need;
	byte peers[IDS] /* of the answer: their n */
};

typedef fleet_host {
	byte stage, id, n, epoch, tag;
	byte over;     /* a lease has passed since this message was sent */
	byte deadline; /* the lease is of the message of this n; 0: it has passed */
	byte units, sessions; /* the kernel's words */
	bool live, urgent;
	bool honest; /* the judge's: its units are sessions that are there */
	byte seen[IDS], mark[IDS]; /* n of others, and where their owners were then */
	byte since[HOSTS] /* where hosts were when this one came to know the epoch */
};

typedef fleet_member {
	byte tag, n; /* tag: 0 is no member, else the n of the message that joined */
	bool synced;
	byte units
};

typedef fleet_server {
	bool primary, attached;
	byte upstream;
	byte name; /* replid, and how many replicas have come: another one when one of them changes */
	byte epoch;
	bool ready;
	fleet_member who[IDS]
};

fleet_host host[HOSTS];
fleet_message flying[HOSTS]; /* the one that is waited for */
fleet_message old[HOSTS];    /* one that was given up, and arrives some time */
fleet_server server[SERVERS];

/* Epochs by index: 0 is none. */
byte number[EPOCHS + 1], name[EPOCHS + 1];
byte epochs, names, faults, late; /* how many there were */
byte allow = CAP; /* the judge's: the cap, or what came back with hosts that really had it */

#define OWNER(i)  ((i) % HOSTS)
#define LIVE(h)   (host[h].deadline > host[h].over)
#define ADMITS(h) (LIVE(h) && host[h].sessions < host[h].units)

hidden byte i;

inline drop(m)
{
	m.state = NONE; m.server = 0; m.id = 0; m.n = 0; m.epoch = 0; m.tag = 0; m.synced = false;
	m.ready = false; m.expel = 0; m.expel_n = 0; m.item = false; m.have = 0; m.need = 0;
	for (i : 0 .. IDS - 1) {
		m.peers[i] = 0
	}
	i = 0
}

/* Nobody knows what became of it: all that it said is said again. */
inline fleet_give_up(h)
{
	printf("host %d gives up %d\n", h, flying[h].n);
	host[h].urgent = host[h].urgent || flying[h].item;
	drop(flying[h])
}

/* ---- the judge ---- */

hidden byte ji, js, all, most, live;
hidden byte known;

/* What all hold, or will when an answer arrives, or when they come back before they are expelled. */
inline sum_all()
{
	all = 0;
	ji = 0;
	do
	:: ji == HOSTS -> break
	:: else ->
		known = LIVE(ji) || (flying[ji].state >= RAN && !flying[ji].synced);
		most = 0;
		js = 0;
		do
		:: js == SERVERS -> break
		:: else ->
			known = known || server[js].who[host[ji].id].tag;
			if
			:: server[js].who[host[ji].id].units > most -> most = server[js].who[host[ji].id].units
			:: else
			fi;
			js++
		od;
		if
		:: flying[ji].state >= RAN && flying[ji].item && flying[ji].have > most -> most = flying[ji].have
		:: else
		fi;
		if
		:: known && host[ji].units > most -> most = host[ji].units
		:: else
		fi;
		all = all + most;
		ji++
	od
}

/* A host has come with sessions that are really there. */
inline debt()
{
	sum_all();
	if
	:: all > allow -> allow = all
	:: else
	fi
}

/* Who has waited for a lease. As much time passes as nobody notices. */
hidden byte tj, th, least;

#define NOTICE(v) least = ((v) && (v) < least -> (v) : least)
#define WAITED(v) v = ((v) <= host[th].over -> 0 : (v))

inline clocks()
{
	th = 0;
	do
	:: th == HOSTS -> break
	:: else ->
		WAITED(host[th].deadline);
		least = host[th].n + 1;
		NOTICE(host[th].deadline);
		if
		:: flying[th].n <= host[th].over && flying[th].state == ANSWER -> fleet_give_up(th)
		:: else
		fi;
		NOTICE((flying[th].n <= host[th].over -> 0 : flying[th].n));
		tj = 0;
		do
		:: tj == HOSTS -> break
		:: else ->
			WAITED(host[tj].since[th]);
			NOTICE(host[tj].since[th]);
			WAITED(host[tj].mark[th]);
			NOTICE(host[tj].mark[th]);
#if IDS > HOSTS
			if
			:: th + HOSTS < IDS ->
				WAITED(host[tj].mark[th + HOSTS]);
				NOTICE(host[tj].mark[th + HOSTS])
			:: else
			fi;
#endif
			tj++
		od;
		if
		:: least - 1 > host[th].over -> host[th].over = least - 1
		:: else
		fi;
		th++
	od
}

/* After each step. Debt only gets less. */
inline check()
{
	clocks();
	live = 0;
	ji = 0;
	do
	:: ji == HOSTS -> break
	:: else ->
		assert(host[ji].sessions <= host[ji].units);
		if
		:: LIVE(ji) -> live = live + host[ji].units
		:: else
		fi;
		ji++
	od;
	assert(live <= allow);
	if
	:: allow > CAP ->
		sum_all();
		if
		:: all < allow -> allow = (all > CAP -> all : CAP)
		:: else
		fi
	:: else
	fi
}

#include "fleet_host.pml"
#include "fleet_store.pml"

/* All are members of a ready epoch; host 0 has the units. */
init
{
	byte j;

	atomic {
		epochs = 1; names = 1; number[1] = 1; name[1] = 1;
		for (i : 0 .. SERVERS - 1) {
			server[i].name = (i == 0 -> 1 : 0);
			server[i].primary = i == 0;
			server[i].attached = i != 0;
			server[i].epoch = 1;
			server[i].ready = true;
			for (j : 0 .. HOSTS - 1) {
				server[i].who[j].tag = 1;
				server[i].who[j].n = 1;
				server[i].who[j].synced = true;
				server[i].who[j].units = (j == 0 -> CAP : 0)
			}
		}
		for (i : 0 .. HOSTS - 1) {
			host[i].stage = FLEET_MEMBER;
			host[i].id = i;
			host[i].n = 1;
			host[i].epoch = 1;
			host[i].tag = 1;
			host[i].deadline = 1;
			host[i].units = (i == 0 -> CAP : 0);
			for (j : 0 .. HOSTS - 1) {
				host[i].since[j] = 1
			}
		}
#ifdef APART /* server 1 was promoted, host 0 has not heard of it, nor it of host 0's units */
		names = 2; server[1].name = 2; server[1].primary = true; server[1].attached = false;
		server[1].who[0].units = 0;
#endif
		j = 0;
		for (i : 0 .. HOSTS - 1) { run fleet(i) }
		for (i : 0 .. SERVERS - 1) { run store(i) }
		i = 0
	}
}
