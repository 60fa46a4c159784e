/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the CPUs share, and what only the model knows. Every access of a CPU to shared memory is a step
 * of its own: an atomic {} below holds one access, and beside it what is local or the model's own.
 */

/*
 * The ring, half as large as the real one (8 ticks, of which 4 lives, 2 ahead, 2 free) and of the same shape.
 */
#define HC_TICKS 4
#define LIVES    2 /* made at tick T it lives until T + LIVES - 1 */
#define LEAD     1 /* how far ahead a renewed one is put */
#define FIRST    8 /* the clock's first tick: the ring has gone round before */

#define NONE   255 /* no record */
#define ANY    255 /* no tick */
#define NOBODY 0
#define A      1
#define B      2
#define C      3
#define USERS  4

/* word: epoch | making:1 | taken:4 */
#define TAKEN(w) ((w) & 15)
#define MAKING   16
#define EPOCH    32

/* ---- shared ---- */
byte clock = FIRST;
bool locked; /* the set's lock */

typedef hc_user {
	short word;
	byte tag;
	byte key;
#ifdef POLICY
	byte cap;
	byte generation;
#endif
#ifdef UNITS
	byte units;
#endif
	byte tick;
	short held[HC_TICKS] /* below 0 for a moment */
};
hc_user user[RECORDS];

#ifdef POLICY
byte generation = 1; /* of the policy; the next one has a lower cap */
#define CAP_OF(g) (g == 1 -> CAP : CAP - 1)
#define THE_CAP   user[r].cap
#elif defined(UNITS)
byte bound = 255; /* slots that may be held since the units were lowered */
#define THE_CAP user[r].units
#else
#define THE_CAP CAP
#endif

typedef arrival_of_cpu {
	byte pending; /* the number of the packet, or 0 */
	byte key;
	byte tick
};
arrival_of_cpu arrival[CPUS];

/* ---- the model's own books ---- */
typedef books {
	short sessions; /* units of the record that are sessions */
	short moving;   /* units that are on their way between `taken`, a bucket and a session */
	short wrong     /* units of `taken` that are nothing: an audit is to find them */
};
books book[RECORDS];
short sessions[USERS];  /* sessions charged to the user */
short lost[USERS];      /* reservations that have gone, and whose owners have not noticed */
short forgotten[USERS]; /* reservations whose owners will never come */
byte beyond[USERS];     /* sessions over the cap: late ones, which are to be closed, and older ones */
bool excused;           /* a CPU slept for as long as its own reservation lives: it took that of a stranger
			 * for its own, if only for a moment, or made one that was past its time */
byte settled[CPUS];     /* the last packet of each CPU whose slot somebody has taken over */
byte done;              /* CPUs that have */

#define RESERVED(r) (user[r].held[0] + user[r].held[1] + user[r].held[2] + user[r].held[3])

/* After every change of a record: the books agree (I2, I4), the cap holds (I1). */
inline check(r)
{
	assert(book[r].sessions >= 0 && book[r].moving >= 0);
	assert(TAKEN(user[r].word) == RESERVED(r) + book[r].sessions + book[r].moving + book[r].wrong);
	assert(RESERVED(r) + book[r].sessions <= CAP + beyond[user[r].key]);
	assert(sessions[user[r].key] <= CAP + beyond[user[r].key]);
#ifdef UNITS
	assert(RESERVED(r) + book[r].sessions <= bound)
#endif
}
