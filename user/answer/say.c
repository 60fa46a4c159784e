// SPDX-License-Identifier: GPL-2.0-only
#include "user/answer/say.h"

void talk_say(struct talk *talk, struct talk_piece piece)
{
	if (piece.size)
		talk->out[talk->pieces++] = piece;
}

void talk_answer(struct talk *talk, struct talk_piece words)
{
	talk_say(talk, words);
	talk->said = true;
	talk->state = TALK_IS_OVER;
}
