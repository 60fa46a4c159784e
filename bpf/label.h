/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Labels: setsockopt() says whose a session is, and from then on it is charged to that user.
 *
 *   label_call()   on setsockopt(): which session is it, which label
 *   label_give()   the session's charge moves from whoever had it to the label's user
 *
 * The move is one step. A slot of the label's user is taken, if the cap leaves one; then the
 * charge in the session's record is exchanged by compare-and-swap; then whoever lost it is
 * given its slot back. If the exchange fails (a reload has moved the session, or it has ended),
 * the new slot is given back, and nothing has changed. A slot of the total goes over with the
 * charge: it is neither given back nor taken anew.
 *
 * A program on setsockopt() can learn neither the cookie of its socket nor its struct sock. It
 * finds the session by its ends, in an index of the sessions of services by label alone. That
 * finds MPTCP connections, too: such a socket has the ends of its first subflow.
 */
#ifndef HEADCOUNT_LABEL_BPF_H
#define HEADCOUNT_LABEL_BPF_H

#include "label_excess.h"
#include "label_index.h"
#include "names.h"
#include "session.h"

#define LABEL_TAKEN (-1) /* optlen: the kernel is not to look at it */
#define LABEL_TRIES 3    /* a reload may move the session meanwhile */

/* Who gives the label. */
enum label_giver {
	LABEL_LOCKED = 1, /* holds the socket's lock */
	LABEL_MASTER = 2, /* may change a label that is there */
	LABEL_ONCE = 4,   /* does not try again, so that no room is made for it */
};

/* The key of a label's user in the service that the key is of. Global: to hash is long, and
 * leads to one state. */
__noinline int label_user(struct hc_user_key *user, const struct hc_label *label)
{
	const struct hc_control *policy = policy_control();

	if (!user || !label || !policy)
		return 0;
	user->kind = HC_BY_LABEL;
	user->prefix = 0;
	siphash128(user->word, policy->label_key, label->word, HC_LABEL_MAX / 8);
	return 0;
}

/* Of its own frame: what was refused, with the label. */
static __noinline void label_refused(const struct claim *claim, __u64 id,
				     const struct hc_session *session,
				     const struct hc_user_key *user,
				     const struct hc_label *label)
{
	struct hc_label_event *event = refusal_begin(claim, user, sizeof(*event));

	if (!event)
		return;
	refusal_fill(&event->event, claim, id, session, claim->excess);
	event->event.flags &= ~HC_F_LATE; /* which the session was, and not this */
	event->event.user = *user;
	event->label = *label;
	refusal_end(event);
}

/* The session is its new user's, and `before` has its slot still. */
static __noinline void label_told(const struct claim *claim, __u64 id,
				  const struct hc_session *session,
				  const struct hc_user_key *before,
				  const struct hc_label *label)
{
	struct emission emission;
	struct hc_label_event *event = emit_begin(&emission);

	if (!event)
		return;
	emit_fill(&event->event, id, session, HC_LABELLED, claim->now);
	event->event.before = *before;
	event->event.active = claim->active;
	event->event.cap = claim->cap;
	event->label = *label;
	emit_end(&emission, sizeof(*event));
}

/* A slot that was taken for a session which does not come. */
static __noinline void label_untake(__u64 charge, __u64 now)
{
	struct hc_user_set *set;
	struct hc_user *user = user_at(charge_position(charge), &set);

	if (user)
		__sync_fetch_and_add(&user->opened, -1ull);
	user_discharge(charge, now);
}

/* A slot of the user, and if it has to come with it one of the total; by the cap of the label,
 * which is looked up if the user's record does not say it. `ends`: see label_cold(). */
static __always_inline enum verdict
label_take(struct claim *claim, const struct hc_user_key *user, const struct hc_label *label,
	   const struct hc_service *service, const struct hc_ends *ends, bool had_total)
{
	enum verdict verdict = user_try(claim, user, TAKE, NOTHING);

	if (verdict == UNDECIDED) {
		label_limits(claim, user, label);
		verdict = user_act(claim, user, TAKE, NOTHING);
	}
	if (verdict == COLD && label_cold(claim, user, label, service, ends))
		verdict = user_act(claim, user, TAKE, NOTHING);
	claim->total = false;
	if (verdict == UNTRACKED || verdict == COLD || (verdict == OVER_CAP && !claim->over))
		return verdict;
	claim->total = total_holds(service, user, claim->traits);
	if (!claim->total || had_total)
		return verdict;
	if (total_reserve(claim, user->service, service, NOTHING) == OVER_TOTAL &&
	    verdict == ADMITTED) {
		verdict = OVER_TOTAL;
		/* Which gives a reservation back, too; a label's user never has one. */
		user_refused_by_total(claim, user, service);
		if (!claim->over)
			label_untake(charge_pack(claim->position, user->service, 0),
				     claim->now);
	}
	return verdict;
}

/* The service by label that the session is of, and the key of a user there; or NULL. In a frame
 * of its own. */
static __noinline const struct hc_service *label_service(const struct hc_session *session,
							 struct hc_user_key *user)
{
	const struct hc_service *service = session_identify(session, user);

	return service && service->identify == HC_BY_LABEL && !user->elsewhere &&
			       session->direction == HC_INBOUND
		       ? service
		       : NULL;
}

/* May the server of this session give it a label? Whoever listens on the service's port at an
 * address that its server leaves free, in another namespace or while that is down, may not
 * charge his own sessions to others. By the uid of the socket that listened; if that is none of
 * those that may, and nobody is known to listen there now, he may not either. */
static __noinline bool label_trusts(const struct hc_session *session, __u16 id)
{
	const struct hc_control *policy = policy_control();
	struct hc_labeller_key key = {.service = id, .uid = session->uid};
	const struct hc_service *service;
	const struct hc_listener *listener;
	__u32 generation;
	bool known;

	if (!policy)
		return false;
	generation = policy_generation(policy);
	service = policy_service(generation, id);
	if (!service)
		return false;
	key.half = policy_half(generation);
	known = !(session->flags & HC_S_UID_LISTED);
	if (service->listed)
		return known && bpf_map_lookup_elem(&labellers, &key);
	if (known ? session->uid <= service->labeller_max
		  : service->labeller_max == HC_UID_UNKNOWN)
		return true;
	listener =
		listener_of(session->ends.netns, session->ends.local, session->ends.local_port);
	return listener && listener->privileged;
}

/* Counts a label that is not taken, for administrators to see why. */
static __noinline int label_distrust(const struct hc_session *session, __u32 id)
{
	struct hc_stranger *stranger = bpf_map_lookup_elem(&strangers, &id);

	count_loss(HC_LOSS_LABELS_UNTRUSTED);
	if (stranger) {
		stranger->uid = session->uid;
		stranger->port = session->ends.local_port;
		__sync_fetch_and_add(&stranger->count, 1);
	}
	return EPERM;
}

/*
 * Returns 0, or an errno: EAGAIN if the session was moved just now by somebody else,
 * EINPROGRESS if the daemon makes room for it, or asks the store of the fleet. Whom the user
 * table has no room for (HC_LOSS_USERS_FULL) is not tracked, and may do what he likes: as the
 * gates do, this fails open. Global, as user_act_once() is.
 */
__noinline int label_give(__u64 id, const struct hc_label *label, enum label_giver giver)
{
	struct claim claim = {.now = bpf_ktime_get_ns()};
	struct hc_session *session = session_of(id);
	const struct hc_service *service;
	const struct hc_user *holder;
	struct hc_user_key key, *const user = &key;
	struct hc_user_set *set;
	__u64 charge, mine, theirs;
	enum verdict verdict;
	bool had_total, waits;

	if (!session || !label)
		return ENOTCONN;
	charge = session->charge;
	holder = user_at(charge_position(charge), &set);
	service = label_service(session, user);
	if (!service)
		return ENOPROTOOPT;
	if (session->flags & HC_S_REFUSED)
		return ENOTCONN;
	if (!holder) /* not tracked; or it has ended, which it cannot under its lock */
		return giver & LABEL_LOCKED ? 0 : ENOTCONN;
	if (!charge_is_of(charge, id))
		return ENOTCONN;
	label_user(user, label);
	/* Whose it is is what its charge says; the record's user follows. */
	if (user_same(user, &holder->key))
		return 0;
	if (!(giver & LABEL_MASTER) && !label_trusts(session, user->service))
		return label_distrust(session, user->service);
	if (holder->key.kind == HC_BY_LABEL && !(giver & LABEL_MASTER))
		return EPERM;
	had_total = charge & HC_CHARGE_TOTAL && charge_service(charge) == user->service;
	claim.quiet = service->holding;
	verdict = label_take(&claim, user, label, service,
			     giver & LABEL_ONCE ? NULL : &session->ends, had_total);
	mine = charge_pack(claim.position, user->service, id) |
	       (claim.total ? HC_CHARGE_TOTAL : 0);
	if (verdict == UNTRACKED)
		return 0;
	if (verdict == COLD)
		return EINPROGRESS;
	if (verdict != ADMITTED) {
		claim.excess = verdict;
		waits = label_holds(&claim, session, user, service, !(giver & LABEL_ONCE));
		if (!claim.again)
			label_refused(&claim, id, session, user, label);
		if (!claim.over)
			return waits ? EINPROGRESS : EDQUOT;
	}
	name_note(claim.position, user, label);
	/* The slot of the total that goes over is released with neither. */
	theirs = claim.total && had_total ? HC_CHARGE_TOTAL : 0;
	if (__sync_val_compare_and_swap(&session->charge, charge, mine) != charge) {
		label_untake(mine & ~theirs, claim.now);
		return EAGAIN;
	}
	session_settle(session);
	if (!(service->mute & HC_MUTE_OPENED))
		label_told(&claim, id, session, &holder->key, label);
	user_discharge(charge & ~theirs, claim.now);
	return 0;
}

static __always_inline int label_try(__u64 id, const struct hc_label *label,
				     enum label_giver giver)
{
	int error = EAGAIN;

	for (int try = 0; try < LABEL_TRIES && error == EAGAIN; try++)
		error = label_give(id, label, giver);
	return error == EINPROGRESS ? EAGAIN : error;
}

/* By `headcount label`, which holds no lock. */
static __always_inline int label_by_id(__u64 id, const struct hc_label *label)
{
	const struct hc_session *session;
	int error = label_try(id, label, LABEL_MASTER);

	session = error ? NULL : session_of(id);
	if (session)
		label_index_mark(id, session);
	return error;
}

/* May the process that calls give a session another label? Root of a user namespace may not. */
static __always_inline bool label_may_change(void)
{
	const struct cred *cred = bpf_get_current_task_btf()->cred;
	/* The first 32 capabilities, in an array of two words or since 6.3 in one (where the
	 * host is little-endian, as all that we know to be in use are). */
	const __u32 *low = (const void *)&cred->cap_effective;

	return !cred->user_ns->level && *low & 1u << CAP_NET_ADMIN;
}

/* The bytes that the process gave, into a label of zeros. 0: there is a NUL among them, or they
 * are too many or none. Where another headcount has taken the label before (one whose place we
 * take, say), the length is gone: then all that the kernel has of it, which are zeros after the
 * label. Global: each length would be a state of its own. */
__noinline int label_read(struct bpf_sockopt *ctx, struct hc_label *label)
{
	const __u8 *value = ctx->optval, *end = ctx->optval_end;
	__u32 length = ctx->optlen, bytes = 0;

	if (!label || !length)
		return 0;
	for (__u32 i = 0; i < HC_LABEL_MAX && i < length; i++) {
		__u8 byte;

		if (value + i + 1 > end)
			break;
		byte = value[i];
		label->text[i] = byte;
		bytes += (byte + 0xffu) >> 8;
	}
	return ctx->optlen == LABEL_TAKEN ? bytes : bytes == length;
}

/* An errno is the answer to the process, whatever another program says. */
static __always_inline int label_answer(int error)
{
	compat_set_errno(error);
	return 0; /* before 5.18 that is EPERM */
}

/* setsockopt() of a label: 0 refuses, 1 goes on; what is not ours the kernel does not know. */
static __always_inline int label_call(struct bpf_sockopt *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct hc_labelling *found;
	struct hc_label label = {}; /* 6.1: what a global function gets has been written */
	__u32 giver = 0;
	__u64 id;
	int error;

	if (!sk || compat_refused_before() ||
	    (sk->protocol != IPPROTO_TCP && sk->protocol != IPPROTO_MPTCP))
		return 1;
	found = label_index_find(ctx);
	if (!found)
		return sk->state == TCP_CLOSE && sk->dst_port ? label_answer(ENOTCONN) : 1;
	if (ctx->optlen > HC_LABEL_MAX)
		return label_answer(EMSGSIZE);
	if (!label_read(ctx, &label))
		return label_answer(EINVAL);
	/* The lock of an MPTCP connection is not that of its subflow. */
	if (sk->protocol == IPPROTO_TCP)
		giver |= LABEL_LOCKED;
	if (label_may_change())
		giver |= LABEL_MASTER;
	id = found->id;
	error = label_try(id, &label, giver);
	if (error)
		return error == ENOPROTOOPT ? 1 : label_answer(error);
	if (found->id == id) /* else it has ended meanwhile, as one of MPTCP's may */
		found->settled = true;
	ctx->optlen = LABEL_TAKEN;
	return 1;
}

/* getsockopt(): the label, without a NUL; ENODATA while there is none, ERANGE if fewer than
 * HC_LABEL_MAX bytes are there for it. */
static __always_inline int label_tell(struct bpf_sockopt *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	const struct hc_labelling *found;
	const struct hc_session *session;
	const struct hc_user *holder;
	const struct hc_label *label;
	struct hc_user_set *set;
	__u8 *value = ctx->optval, *end = ctx->optval_end;
	__u32 length = 0;

	/* By the control record attach_is_whole() knows whose program this is, too. */
	if (!sk || !policy_control() ||
	    (sk->protocol != IPPROTO_TCP && sk->protocol != IPPROTO_MPTCP))
		return 1;
	found = label_index_find(ctx);
	session = found ? session_of(found->id) : NULL;
	if (!session)
		return 1;
	holder = user_at(charge_position(session->charge), &set);
	label = holder && holder->key.kind == HC_BY_LABEL
			? name_at(charge_position(session->charge))
			: NULL;
	if (!label)
		return label_answer(ENODATA);
	if (value + HC_LABEL_MAX > end)
		return label_answer(ERANGE);
#pragma unroll
	for (int i = 0; i < HC_LABEL_MAX; i++) {
		__u8 byte = label->text[i];

		value[i] = byte;
		length += (byte + 0xffu) >> 8;
	}
	ctx->optlen = length;
	ctx->retval = 0;
	return 1;
}

#endif
