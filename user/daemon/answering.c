// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "user/daemon/answering.h"
#include "user/kernel/losses.h"

static int serve(void *context, int listener, const struct config_service *service)
{
	struct answering *answering = context;
	const struct answers_what what = {
		.protocol = service->service.redirect.answer,
		.file = {service->answer, service->answer_size},
		.service = service->service.name,
	};
	int error = 0;

	if (!answering->answers) {
		error = answers_new(&answering->answers);
		if (!error && answering->live)
			error = answers_start(answering->answers);
		if (error) { /* or the next reload would leave clients to nobody */
			answers_free(answering->answers);
			answering->answers = NULL;
		}
	}
	return error ?: answers_add(answering->answers, listener, &what);
}

static void leave(void *context, int listener)
{
	struct answering *answering = context;

	answers_remove(answering->answers, listener);
}

struct targets_server answering_server(struct answering *answering)
{
	return (struct targets_server){.context = answering, .serve = serve, .leave = leave};
}

int answering_start(struct answering *answering)
{
	answering->live = true;
	return answering->answers ? answers_start(answering->answers) : 0;
}

void answering_count(struct answering *answering, const struct headcount_bpf *object)
{
	struct answers_counts now = answers_count(answering->answers);
	__u64 late = now.late - answering->counted.late;
	__u64 crowded = now.crowded - answering->counted.crowded, *each_cpu;

	if (!late && !crowded)
		return;
	each_cpu = calloc(libbpf_num_possible_cpus(), sizeof(*each_cpu));
	if (!each_cpu)
		return; /* the next time */
	losses_add(object, HC_LOSS_ANSWERS_LATE, late, each_cpu);
	losses_add(object, HC_LOSS_ANSWERS_CROWDED, crowded, each_cpu);
	answering->counted = now;
	free(each_cpu);
}

void answering_end(struct answering *answering, const struct headcount_bpf *object)
{
	if (!answering->answers)
		return;
	answering_count(answering, object);
	answers_free(answering->answers);
	memset(answering, 0, sizeof(*answering));
}
