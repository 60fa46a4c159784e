/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ring of events (include/event_ring.h): two slots, three writers of two records each, a reader that
 * ends and begins anew, and everything that may happen between. An inline is the function of that name;
 * each shared access is a step. `state` is a record here, and changed in one step, as the word is.
 */
#define SLOTS   2
#define WRITERS 3
#define EACH    2
#ifdef PLANT_TURNS
#define TURNS SLOTS
#else
#define TURNS (2 * SLOTS)
#endif

typedef state_word {
	byte next;
	byte unread
};
typedef turn_word {
	byte position; /* + 1 */
	bool holds
};

state_word state;
turn_word turn[TURNS];
byte slot[SLOTS];       /* the record's position + 1; 0: half written */
byte published, got, gone;

inline publish(held)
{
	atomic {
		turn[position % TURNS].position = position + 1;
		turn[position % TURNS].holds = held
	}
}

proctype writer()
{
	byte position, unread, i;

	for (i : 1 .. EACH) {
		if
		:: state.unread >= SLOTS -> skip /* full: the loss is counted */
		:: else ->
			atomic { position = state.next; unread = state.unread; state.next++; state.unread++ }
#ifdef PLANT_BEYOND
			if
			:: true ->
#else
			if
			:: unread < SLOTS ->
#endif
#ifdef PLANT_EARLY
				publish(true);
#endif
				slot[position % SLOTS] = 0;
				slot[position % SLOTS] = position + 1;
				published++;
#ifndef PLANT_EARLY
				publish(true)
#endif
			:: else ->
#ifndef PLANT_VOID
				publish(false)
#else
				skip
#endif
			fi
		fi
	};
	gone++
}

inline release(count)
{
	atomic { state.unread = state.unread - count; count = 0 }
}

inline rewind()
{
	byte then;

	if
	:: state.unread == 0 ->
		then = state.next;
#ifdef PLANT_REWIND
		atomic { state.next = (then + SLOTS - 1) / SLOTS * SLOTS; state.unread = 0 }
#else
		atomic {
			if
			:: state.next == then && state.unread == 0 -> state.next = (then + SLOTS - 1) / SLOTS * SLOTS
			:: else
			fi
		}
#endif
	:: else
	fi;
	then = 0
}

proctype reader()
{
	byte position, count, last;
	bool last_look;

	do
	:: atomic { last_look = gone == WRITERS; position = state.next - state.unread };
		do
		:: turn[position % TURNS].position == position + 1 ->
			if
			:: turn[position % TURNS].holds ->
				assert(slot[position % SLOTS] == position + 1); /* whole, and this one */
				assert(position + 1 > last); /* in order, once */
				atomic { last = position + 1; got++ }
			:: else
			fi;
			position++;
			count++
		:: turn[position % TURNS].position != position + 1 -> break
		:: count && !last_look -> break /* a batch has its end */
		od;
		assert(!last_look || position == state.next); /* nobody holds it up for ever */
		release(count);
		rewind();
		if
		:: last_look -> break
		:: else
		fi
	od;
	assert(got == published) /* nothing is left or lost */
}

init
{
	atomic {
		byte i;

		for (i : 1 .. WRITERS) { run writer() };
		run reader()
	}
}
