/* SPDX-License-Identifier: GPL-2.0-only */
/* user/fleet/send.c, receive.c, peers.c; the kernel's part; a process that begins anew. `h` is the host. */

hidden byte what, told, returns, begins, asks, gone, to; /* chosen */
hidden byte busy, other, holds, was;

/* what */
#define BEGIN   0
#define END     1
#define PASS    2
#define SEND    3
#define LOSE    4
#define DELAY   5
#define RECEIVE 6
#define USE     7
#define RESTART 8
#define BOOT    9

/* ---- send.c ---- */

#ifndef EXPELS
#define GONE(i) false
#elif defined(PLANT_EXPEL)
#define GONE(i) host[h].seen[i]
#else
#define GONE(i) (host[h].seen[i] && !host[h].mark[i])
#endif

/* What a message is to do: any of it may be so. */
inline choose()
{
	if
	:: told = true
	:: !host[h].urgent && host[h].stage == FLEET_MEMBER -> told = false
	fi;
	if
	:: returns = false
	:: told && host[h].units > host[h].sessions -> returns = true
	fi;
	if
	:: begins = false
	:: returns && ADMITS(h) -> begins = true
	fi;
	if
	:: asks = false
	:: told && !returns -> asks = true
	fi;
	if
	:: gone = 0
	:: GONE(0) -> gone = 1
	:: GONE(1) -> gone = 2
#if IDS > 2
	:: GONE(2) -> gone = 3
#endif
	fi;
#ifdef APART
	to = h
#else
	if
	:: server[0].primary -> to = 0
#if SERVERS > 1
	:: server[1].primary -> to = 1
#endif
#if SERVERS > 2
	:: server[2].primary -> to = 2
#endif
	fi
#endif
}

/* First the kernel uses fewer, then the store hears of it. A session that begins in between keeps its unit. */
inline give_back()
{
	busy = host[h].sessions;
	host[h].sessions = host[h].sessions + begins;
#ifdef PLANT_LOWER
	flying[h].have = busy;
#else
	host[h].units = (busy > host[h].sessions -> busy : host[h].sessions);
	host[h].honest = host[h].units <= host[h].sessions;
	flying[h].have = host[h].units
#endif
}

inline tell()
{
	flying[h].have = host[h].units;
	if
	:: returns -> give_back()
	:: else
	fi;
	flying[h].need = flying[h].have;
	if
	:: asks && host[h].sessions < CAP && host[h].sessions + 1 > flying[h].have ->
		flying[h].need = host[h].sessions + 1
	:: else
	fi;
	flying[h].item = flying[h].need > 0 || host[h].stage == FLEET_MEMBER
}

/* All units if they are valid still, or else only what is really there. */
inline walk()
{
	if
	:: !host[h].live ->
		host[h].units = host[h].sessions;
		host[h].honest = true
	:: else
	fi;
	returns = false;
	tell()
}

inline outlasts()
{
	flying[h].ready = host[h].stage != FLEET_OUT;
	for (i : 0 .. HOSTS - 1) {
		flying[h].ready = flying[h].ready && !host[h].since[i]
	}
	i = 0
}

inline fleet_send()
{
	host[h].n++;
	flying[h].state = SENT;
	flying[h].server = to;
	flying[h].id = host[h].id;
	flying[h].n = host[h].n;
	flying[h].epoch = host[h].epoch;
	flying[h].tag = host[h].tag;
	flying[h].synced = host[h].stage != FLEET_OUT;
	if
	:: host[h].stage == FLEET_CLAIMS -> walk()
	:: host[h].stage == FLEET_MEMBER && told -> tell()
	:: else
	fi;
	host[h].urgent = false;
	outlasts();
	flying[h].expel = gone;
	flying[h].expel_n = (gone -> host[h].seen[gone - 1] : 0);
	printf("host %d sends %d to server %d: epoch %d tag %d s%d r%d, expels %d; units %d, needs %d\n", h,
	       host[h].n, to, host[h].epoch, host[h].tag, flying[h].synced, flying[h].ready, gone,
	       (flying[h].item -> flying[h].have : 99), flying[h].need)
}

/* It arrives later. */
inline delay()
{
	late++;
	old[h].state = flying[h].state;
	old[h].server = flying[h].server;
	old[h].id = flying[h].id;
	old[h].n = flying[h].n;
	old[h].epoch = flying[h].epoch;
	old[h].tag = flying[h].tag;
	old[h].synced = flying[h].synced;
	old[h].ready = flying[h].ready;
	old[h].expel = flying[h].expel;
	old[h].expel_n = flying[h].expel_n;
	old[h].item = flying[h].item;
	old[h].have = flying[h].have;
	old[h].need = flying[h].need;
	fleet_give_up(h)
}

/* ---- receive.c ---- */

inline renew()
{
	was = LIVE(h);
#ifdef PLANT_FROM_ANSWER /* as if it had been asked for now */
	host[h].n++;
	host[h].deadline = host[h].n;
#else
	host[h].deadline = flying[h].n;
#endif
	if
	:: !was && host[h].honest -> debt()
	:: else
	fi
}

inline use(m)
{
	if
	:: m.item && m.have > host[h].units ->
		host[h].units = m.have;
		host[h].honest = host[h].units <= host[h].sessions
	:: else
	fi
}

inline fleet_peers_look()
{
#ifdef EXPELS
	for (i : 0 .. IDS - 1) {
		if
		:: flying[h].peers[i] != host[h].seen[i] ->
			host[h].seen[i] = flying[h].peers[i];
			host[h].mark[i] = (host[h].seen[i] -> host[OWNER(i)].n : 0)
		:: else
		fi
	}
	i = 0;
#endif
	skip
}

inline take_ok()
{
	use(flying[h]);
	host[h].stage = FLEET_MEMBER;
	host[h].live = false;
	renew();
	fleet_peers_look()
}

/* The lease of an older epoch holds, and the new one grants nothing yet: nobody has got what is held here. */
inline take_joined()
{
	other = flying[h].epoch != host[h].epoch;
#ifdef PLANT_CARRY
	host[h].live = host[h].stage != FLEET_OUT;
#else
	holds = LIVE(h);
	host[h].live = host[h].stage != FLEET_OUT && other && holds && !flying[h].ready;
#endif
	host[h].stage = FLEET_CLAIMS;
	host[h].urgent = false;
	for (i : 0 .. IDS - 1) {
		host[h].seen[i] = 0;
		host[h].mark[i] = 0
	}
	for (i : 0 .. HOSTS - 1) {
		host[h].since[i] = (other -> host[i].n : host[h].since[i])
	}
	i = 0;
	host[h].epoch = flying[h].epoch;
	host[h].tag = flying[h].tag;
	if
	:: host[h].live -> renew()
	:: else -> host[h].deadline = 0
	fi
}

inline fleet_receive()
{
	printf("host %d hears of %d: joined %d, epoch %d ready %d, units %d\n", h, flying[h].n, flying[h].synced,
	       flying[h].epoch, flying[h].ready, (flying[h].item -> flying[h].have : 99));
	if
	:: flying[h].synced -> take_joined()
	:: else -> take_ok()
	fi;
	drop(flying[h])
}

/* ---- the machine ---- */

/* Another process. */
inline restart()
{
	printf("host %d restarts\n", h);
	host[h].id = host[h].id + HOSTS;
	host[h].stage = FLEET_OUT;
	host[h].epoch = 0;
	host[h].tag = 0;
	host[h].live = false;
	if
	:: flying[h].state -> fleet_give_up(h)
	:: else
	fi;
	host[h].urgent = false;
	for (i : 0 .. IDS - 1) {
		host[h].seen[i] = 0;
		host[h].mark[i] = 0
	}
	for (i : 0 .. HOSTS - 1) {
		host[h].since[i] = 0
	}
	i = 0
}

/* Perhaps with another kernel. */
inline boot()
{
	if
	:: what == BOOT ->
		host[h].deadline = 0;
		host[h].units = 0;
		host[h].sessions = 0;
		host[h].honest = false
	:: else
	fi
}

/* A lease has passed since its next message was sent. */
inline pass()
{
	host[h].over++;
	printf("a lease since message %d of host %d\n", host[h].over, h)
}

/* Where an answer gets lost: that it does so later is the same. */
#if SERVERS == 1 || defined(PLANT_UNCONFIRMED)
#define HEARD ANSWER
#else
#define HEARD RAN
#endif

#ifdef PLANT_LATE
#define MAY_BE_LATE(m) true
#else /* nobody waits for an answer */
#define MAY_BE_LATE(m) (m.state == SENT)
#endif

#if SERVERS > 1 /* or it was no primary any more when the message came */
#define LOST(m) (m.state == HEARD || (m.state == SENT && !server[m.server].primary))
#else
#define LOST(m) (m.state == HEARD)
#endif

#define MESSAGES(h) (h == 0 -> MESSAGES_0 : MESSAGES_1)
#ifdef APART
#define SOMEBODY server[h].primary
#elif SERVERS == 1
#define SOMEBODY server[0].primary
#elif SERVERS == 2
#define SOMEBODY (server[0].primary || server[1].primary)
#else
#define SOMEBODY (server[0].primary || server[1].primary || server[2].primary)
#endif

/* What happens at host h. */
proctype fleet(byte h)
{
end:	do
	:: atomic {
		if
		:: ADMITS(h) -> what = BEGIN
		:: host[h].sessions > 0 -> what = END
		:: host[h].over < host[h].n -> what = PASS
		:: !flying[h].state && host[h].n < MESSAGES(h) && SOMEBODY -> choose(); what = SEND
		:: LOST(flying[h]) -> what = LOSE
		:: flying[h].state && MAY_BE_LATE(flying[h]) && late < LATE -> what = DELAY
		:: flying[h].state == ANSWER -> what = RECEIVE
#ifdef PLANT_LATE
		:: old[h].state == ANSWER -> what = USE
#endif
#if IDS > HOSTS
		:: host[h].id + HOSTS < IDS -> what = RESTART
		:: host[h].id + HOSTS < IDS -> what = BOOT
#endif
		fi;
		d_step {
			if
			:: what == BEGIN -> host[h].sessions++; printf("host %d: a session begins\n", h)
			:: what == END -> host[h].sessions--; printf("host %d: a session ends\n", h)
			:: what == PASS -> pass()
			:: what == SEND -> fleet_send()
			:: what == LOSE -> fleet_give_up(h)
			:: what == DELAY -> delay()
			:: what == RECEIVE -> fleet_receive()
#ifdef PLANT_LATE
			:: what == USE -> use(old[h]); drop(old[h])
#endif
#if IDS > HOSTS
			:: what >= RESTART -> restart(); boot()
#endif
			fi;
			check()
		} }
	od
}
