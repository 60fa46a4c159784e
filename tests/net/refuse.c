// SPDX-License-Identifier: GPL-2.0-only
/*
 * Preloaded, it makes the kernel refuse something: what REFUSE says, or else what is in the
 * file that REFUSE_FILE names, at the time. It is words of key=number, all of which have to be
 * met:
 *
 *   errno=N      the answer
 *   die=N        instead of an answer: at the N-th of these the process is killed
 *   command=N    of bpf(2); without it that which the other keys belong to
 *   type=N attach=N btf=N helper=N kfunc=N atomics=1
 *                a program of that type, attach type, BTF target; that calls the helper or the
 *                kernel function, or has atomics that return a value
 *   tries=1      only a program of a few instructions, which is one that tries what there is
 *   map=N        a map of that type
 *   link=N       an attachment of that type
 *   destroy=1    closing a socket by sock_diag
 *   rename=1     rename(2)
 *   unlink=1     unlinkat(2)
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static char words[256];

static void read_words(void)
{
	const char *text = getenv("REFUSE"), *path = getenv("REFUSE_FILE");
	FILE *file = text || !path ? NULL : fopen(path, "re");

	snprintf(words, sizeof(words), "%s", text ?: "");
	if (file && !fgets(words, sizeof(words), file))
		words[0] = '\0';
	if (file)
		fclose(file);
}

/* The number after the key, or -1. */
static long wanted(const char *key)
{
	size_t length = strlen(key);

	for (const char *word = words; word; word = strchr(word, ' ')) {
		word += *word == ' ';
		if (!strncmp(word, key, length) && word[length] == '=')
			return strtol(word + length + 1, NULL, 0);
	}
	return -1;
}

/* Is it asked for, and this? */
static bool is(const char *key, unsigned int value)
{
	return wanted(key) == (long)value;
}

static bool other(const char *key, unsigned int value)
{
	return wanted(key) >= 0 && !is(key, value);
}

static bool has_code(const union bpf_attr *attr)
{
	const struct bpf_insn *code = (const void *)(uintptr_t)attr->insns;

	if (wanted("helper") < 0 && wanted("kfunc") < 0 && wanted("atomics") < 0)
		return true;
	for (unsigned int i = 0; i < attr->insn_cnt; i++) {
		if (code[i].code == (BPF_JMP | BPF_CALL) && !code[i].src_reg &&
		    is("helper", code[i].imm))
			return true;
		if (code[i].code == (BPF_JMP | BPF_CALL) &&
		    code[i].src_reg == BPF_PSEUDO_KFUNC_CALL && is("kfunc", code[i].imm))
			return true;
		if (code[i].code == (BPF_STX | BPF_ATOMIC | BPF_DW) &&
		    code[i].imm & BPF_FETCH && wanted("atomics") > 0)
			return true;
	}
	return false;
}

static bool refuses_program(const union bpf_attr *attr)
{
	if (wanted("type") < 0 && wanted("helper") < 0 && wanted("kfunc") < 0 &&
	    wanted("atomics") < 0)
		return false;
	if (wanted("tries") > 0 && attr->insn_cnt > 4)
		return false;
	return !other("type", attr->prog_type) &&
	       !other("attach", attr->expected_attach_type) &&
	       !other("btf", attr->attach_btf_id) && has_code(attr);
}

static bool refuses(unsigned int command, const union bpf_attr *attr)
{
	if (is("command", command))
		return true;
	switch (command) {
	case BPF_PROG_LOAD:
		return refuses_program(attr);
	case BPF_MAP_CREATE:
		return is("map", attr->map_type);
	case BPF_LINK_CREATE:
		return is("link", attr->link_create.attach_type);
	default:
		return false;
	}
}

/* It is refused, or its process ends here; or not yet. */
static bool ends_here(void)
{
	static long count;

	if (wanted("die") < 0)
		return true;
	if (++count == wanted("die"))
		kill(getpid(), SIGKILL);
	return false;
}

long syscall(long number, ...); /* unistd.h is not asked for its own */

long syscall(long number, ...)
{
	static long (*real)(long number, ...);
	long arguments[6];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		arguments[i] = va_arg(list, long);
	va_end(list);
	if (!real)
		real = dlsym(RTLD_NEXT, "syscall");
	read_words();
	if (number == SYS_bpf && refuses(arguments[0], (const union bpf_attr *)arguments[1]) &&
	    ends_here()) {
		errno = wanted("errno");
		return -1;
	}
	return real(number, arguments[0], arguments[1], arguments[2], arguments[3],
		    arguments[4], arguments[5]);
}

ssize_t sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to,
	       socklen_t length)
{
	static ssize_t (*real)(int, const void *, size_t, int, const struct sockaddr *,
			       socklen_t);
	const struct nlmsghdr *header = data;

	if (!real)
		real = dlsym(RTLD_NEXT, "sendto");
	read_words();
	if (wanted("destroy") > 0 && to && to->sa_family == AF_NETLINK &&
	    size >= sizeof(*header) && header->nlmsg_type == SOCK_DESTROY) {
		errno = wanted("errno");
		return -1;
	}
	return real(fd, data, size, flags, to, length);
}

int rename(const char *from, const char *to)
{
	static int (*real)(const char *, const char *);

	if (!real)
		real = dlsym(RTLD_NEXT, "rename");
	read_words();
	if (wanted("rename") > 0 && ends_here()) {
		errno = wanted("errno");
		return -1;
	}
	return real(from, to);
}

int unlinkat(int folder, const char *name, int flags)
{
	static int (*real)(int, const char *, int);

	if (!real)
		real = dlsym(RTLD_NEXT, "unlinkat");
	read_words();
	if (wanted("unlink") > 0 && ends_here()) {
		errno = wanted("errno");
		return -1;
	}
	return real(folder, name, flags);
}
