// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asks for page.json every two seconds and shows what it says. Outsiders chose many of the names
 * in it: text becomes text (textContent), never HTML. Cells are changed only where they say
 * something else, so that what is selected or being read stays as it is.
 */
"use strict";

const EVERY_MS = 2000, PATIENCE_MS = 10000, LATER_MS = 5000;
const SVG = "http://www.w3.org/2000/svg";
const byId = (id) => document.getElementById(id);

let facts = null;      // the last answer
let before = null;     // the one before it, for rates
let lostSince = null;  // since when there is no answer
let timer = 0, asking = false, paused = false;

// --- Words -------------------------------------------------------------------------------------

const count = (n) => n.toLocaleString("en-US").replaceAll(",", "\u202f");
const plural = (n, one, many) => `${count(n)} ${n === 1 ? one : many}`;
const clock = (ms) => new Date(ms).toLocaleTimeString([], { hour12: false });

function duration(ms) {
	if (ms === null)
		return "–";
	const s = Math.floor(ms / 1000);
	if (s < 60)
		return `${s} s`;
	if (s < 3600)
		return `${Math.floor(s / 60)} min ${s % 60} s`;
	if (s < 86400)
		return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
	return `${Math.floor(s / 86400)} d ${Math.floor(s / 3600) % 24} h`;
}

function bytes(n) {
	const units = ["B", "KiB", "MiB", "GiB"];
	let unit = 0;
	for (; n >= 1024 && unit < 3; unit++)
		n /= 1024;
	return `${unit ? n.toFixed(1) : n} ${units[unit]}`;
}

// --- Cells -------------------------------------------------------------------------------------

function setText(element, text) {
	if (element.textContent !== text)
		element.textContent = text;
}

function setAttribute(element, name, value) {
	if (element.getAttribute(name) !== String(value))
		element.setAttribute(name, value);
}

/* The one child of that class, made when it is needed first. */
function part(parent, className, make) {
	let found = parent.querySelector(`:scope > .${className}`);
	if (!found) {
		found = make();
		found.setAttribute("class", className);
		parent.append(found);
	}
	return found;
}

function drop(parent, className) {
	parent.querySelector(`:scope > .${className}`)?.remove();
}

function drawing(width, height, ...shapes) {
	const svg = document.createElementNS(SVG, "svg");
	svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
	svg.setAttribute("preserveAspectRatio", "none");
	for (const [shape, className] of shapes) {
		const element = document.createElementNS(SVG, shape);
		element.setAttribute("class", className);
		element.setAttribute("height", height);
		svg.append(element);
	}
	return svg;
}

/* The number beside it says the same. */
function showBar(cell, now, most) {
	if (most === null) {
		drop(cell, "bar");
		return;
	}
	const svg = part(cell, "bar", () => drawing(100, 6, ["rect", "track"], ["rect", "fill"]));
	setAttribute(svg, "aria-hidden", "true");
	setAttribute(svg.firstChild, "width", 100);
	setAttribute(svg.lastChild, "width", most ? Math.min(100, now / most * 100).toFixed(1) : 100);
}

function showCurve(cell, numbers, what, name = "curve") {
	if (!numbers.length) {
		drop(cell, name);
		return;
	}
	const most = Math.max(...numbers, 1), sum = numbers.reduce((a, b) => a + b, 0);
	const svg = part(cell, name, () => drawing(numbers.length - 1, 20, ["polyline", "line"]));
	setAttribute(svg.firstChild, "points", numbers.map((n, i) => `${i},${(19 - n / most * 18).toFixed(1)}`).join(" "));
	setAttribute(svg, "role", "img");
	setAttribute(svg, "aria-label", `${count(sum)} ${what} in ${lately()}, at most ${count(most)} in ${
		duration(facts.piece_ms)}`);
}

function showNumber(cell, number, sub) {
	const text = typeof number === "string" ? number : count(number);
	setText(part(cell, "now", () => document.createElement("span")), text);
	cell.classList.toggle("zero", text === "0" || text === "–");
	if (sub)
		setText(part(cell, "sub", () => document.createElement("span")), sub);
	else
		drop(cell, "sub");
}

/* `of` its bound, which null is not one. */
function showOf(cell, now, most, sub) {
	showNumber(cell, most === null ? now : `${count(now)} of ${count(most)}`, sub);
	showBar(cell, now, most);
	cell.classList.toggle("full", most !== null && now >= most);
	cell.classList.toggle("near", most !== null && now < most && now >= most * 0.8);
}

/* Rows of a table, of which each has a heading and cells as the table's head has columns. */
function rowsOf(table, number) {
	const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
	while (body.rows.length > number)
		body.lastElementChild.remove();
	while (body.rows.length < number) {
		const row = document.createElement("tr");
		heads.forEach((head, i) => {
			const cell = document.createElement(i ? "td" : "th");
			cell.className = head.className || (i ? "name" : "");
			if (!i)
				cell.scope = "row";
			row.append(cell);
		});
		body.append(row);
	}
	table.tHead.hidden = !number;
	return [...body.rows];
}

/* The heading of a row about a user; where there is no room for a column, with its service. */
function showWhose(cell, row) {
	setText(part(cell, "now", () => document.createElement("span")), userOf(row));
	setText(part(cell, "less", () => document.createElement("span")), row.service);
}

// --- What is shown -----------------------------------------------------------------------------

function lately() {
	return facts.lately_ms < 3600000 ? `the last ${duration(facts.lately_ms)}` : "the last hour";
}

/* A second, between the last two answers. */
function rate(service, key) {
	const old = before?.services.find((other) => other.name === service.name);
	const ms = before ? facts.now_ms - before.now_ms : 0;
	if (!old || ms <= 0 || service[key] <= old[key])
		return "";
	return `${((service[key] - old[key]) * 1000 / ms).toFixed(1)}/s`;
}

const wanted = (...texts) => {
	const filter = byId("filter").value.trim().toLowerCase();
	return !filter || texts.some((text) => text.toLowerCase().includes(filter));
};

/* A number alone says nothing. */
function userOf(row) {
	const service = facts.services.find((s) => s.name === row.service);
	return service?.users_by === "uid" ? `uid ${row.user}` : row.user;
}

/* Of the number that stands above it. */
const notes = (...parts) => parts.filter(([number]) => number)
	.map(([number, word]) => `${count(number)} ${word}`).join(", ");

function isIdle(service) {
	return !service.active && !service.refused_lately.length && !service.ended_lately.length;
}

function showServices() {
	const quiet = byId("quiet").checked;
	const shown = facts.services.filter((s) => wanted(s.name) && !(quiet && isIdle(s)));
	rowsOf(byId("services"), shown.length).forEach((row, i) => {
		const s = shown[i], [name, active, users, full, opened, closed, refused, ended] = row.cells;
		setText(part(name, "now", () => document.createElement("span")), s.name);
		setText(part(name, "sub", () => document.createElement("span")),
			`${s.direction}, ${s.cap === null ? "no cap" : `cap ${count(s.cap)}`} by ${s.users_by}` +
			(s.scope === "fleet" ? ", of the fleet" : "") +
			(s.excess === "reject" ? "" : `, ${s.excess}`));
		showOf(active, s.active, s.total);
		showNumber(users, s.users);
		showNumber(full, s.at_cap);
		showBar(full, s.at_cap, s.cap === null || !s.users ? null : s.users);
		full.classList.toggle("full", s.at_cap > 0);
		showNumber(opened, s.opened, rate(s, "opened"));
		showNumber(closed, s.closed, rate(s, "closed"));
		showNumber(refused, s.refused, notes([s.refused_by_total, "by total"], [s.waited, "waited"],
			[s.redirected, "redirected"]));
		showCurve(refused, s.refused_lately, "refused");
		showNumber(ended, s.ended, notes([s.evicted, "evicted"], [s.timed_out, "timed out"]));
		showCurve(ended, s.ended_lately, "ended");
		showCurve(ended, s.evicted_lately, "evicted", "evictions");
	});
	setText(byId("lately"), lately());
	setText(byId("services-note"), shown.length === facts.services.length ? ""
		: `${plural(facts.services.length - shown.length, "service is", "services are")} not shown.`);
}

function showFleet() {
	const fleet = facts.fleet;
	byId("fleet").hidden = !fleet;
	if (!fleet)
		return;
	rowsOf(byId("stores"), fleet.shards.length).forEach((row, i) => {
		const s = fleet.shards[i], [store, state, lease, members, epoch, answer] = row.cells;
		showNumber(store, s.store || "not known yet", s.why);
		setText(part(state, "now", () => document.createElement("span")), s.stage);
		state.classList.toggle("full", s.stage === "alone");
		state.classList.toggle("near", s.stage !== "alone" && s.stage !== "ready");
		showNumber(lease, s.lease_ms ? duration(s.lease_ms) : "–");
		showNumber(members, s.members ?? "–");
		showNumber(epoch, s.epoch ?? "–");
		showNumber(answer, s.answer_us === null ? "–" : `${(s.answer_us / 1000).toFixed(1)} ms`);
	});
	setText(byId("fleet-name"), fleet.name);
	setText(byId("fleet-about"), `it holds ${plural(fleet.units, "unit", "units")} of ` +
		`${plural(fleet.users, "user", "users")}, ${count(fleet.debts)} beyond their caps; asks ${count(fleet.asks_a_second)} a second`);
	setText(byId("fleet-note"), fleet.alone_unix_ms === null ? ""
		: `Alone since ${clock(fleet.alone_unix_ms)}: alone = ${fleet.alone} says what a user may have here.`);
}

function showUsers() {
	const shown = facts.users.filter((u) => wanted(userOf(u), u.service));
	rowsOf(byId("users"), shown.length).forEach((row, i) => {
		const u = shown[i], [name, service, active, peak, opened, refused, last] = row.cells;
		showWhose(name, u);
		setText(service, u.service);
		showOf(active, u.active, u.cap);
		showNumber(peak, u.peak);
		showNumber(opened, u.opened);
		showNumber(refused, u.refused);
		showNumber(last, u.refused_ms === null ? "–" : `${duration(u.refused_ms)} ago`);
	});
	setText(byId("users-about"), facts.users_ms === null ? "Not read yet" :
		`${plural(facts.users_count, "user", "users")}, ${count(facts.users_pressed)} near their cap or refused in ` +
		`the last hour; read ${duration(facts.users_ms)} ago`);
	setText(byId("users-note"), facts.users_count > facts.users.length
		? `Only ${facts.users.length} are shown: the nearest to their cap, then those with the most sessions. ` +
		  "All of them: headcount users." : "");
}

function showStale() {
	const shown = facts.stale.filter((s) => wanted(userOf(s), s.service, s.process, s.remote));
	rowsOf(byId("stale"), shown.length).forEach((row, i) => {
		const s = shown[i];
		const [name, service, peer, unanswered, heard, idle, queue, half, state, process] = row.cells;
		showWhose(name, s);
		setText(service, s.service);
		setText(peer, s.remote);
		showNumber(unanswered, s.unanswered);
		showNumber(heard, s.heard_ms === null ? "never" : `${duration(s.heard_ms)} ago`);
		showNumber(idle, duration(s.idle_ms));
		showNumber(queue, bytes(s.send_queue));
		showNumber(half, duration(s.half_closed_ms));
		setText(state, s.state);
		setText(process, s.pid === null ? s.process || "–" : `${s.process} (${s.pid})`);
	});
	let about = "Cannot be looked for";
	if (facts.stale_known)
		about = facts.stale_ms === null ? "Not looked for yet" :
			`${facts.stale_count ? plural(facts.stale_count, "session", "sessions") : "No session"} whose peer left three or more packets ` +
			`unanswered for 10 s; looked for ${duration(facts.stale_ms)} ago`;
	setText(byId("stale-about"), about);
	setText(byId("stale-note"), !facts.stale_count ? "" : (facts.stale_count > facts.stale.length
		? `Only ${facts.stale.length} are shown, those heard longest ago. ` : "") +
		"headcount kill --stale closes them; headcount why tells more.");
}

function showLosses() {
	const lost = facts.losses.filter((l) => l.count);
	rowsOf(byId("losses"), lost.length).forEach((row, i) => {
		const [reason, number, text, kind] = row.cells;
		setText(reason, lost[i].reason);
		showNumber(number, lost[i].count);
		setText(text, lost[i].text);
		setText(kind, lost[i].kind);
	});
	setText(byId("losses-about"), lost.length ? "What was not charged, not told, or should be seen"
		: `Nothing was lost, for any of ${facts.losses.length} reasons`);
}

function showTables() {
	rowsOf(byId("tables"), facts.tables.length).forEach((row, i) => {
		setText(row.cells[0], facts.tables[i].table);
		showOf(row.cells[1], facts.tables[i].entries, facts.tables[i].capacity);
	});
}

function reloaded() {
	const when = facts.reload_unix_ms === null ? "" : new Date(facts.reload_unix_ms).toLocaleString([], { hour12: false });
	return facts.reload === "none" ? "not reloaded since" :
		`last reload ${facts.reload === "done" ? "" : `FAILED (${facts.reload}) `}on ${when}`;
}

function showAll() {
	document.title = `headcount on ${facts.host}`;
	setText(byId("host"), `on ${facts.host}`);
	setText(byId("about"), `Version ${facts.version}, Linux ${facts.kernel}; ` +
		`${plural(facts.programs, "program", "programs")} attached, counting for ${
			duration(facts.counting_ms)}; ${reloaded()}.`);
	showServices();
	showFleet();
	showUsers();
	showStale();
	showLosses();
	showTables();
}

// --- Following ---------------------------------------------------------------------------------

/* What a screen reader tells: changes of this only. */
function tell(text) {
	setText(byId("news"), text);
}

function showWhen() {
	setText(byId("when"), lostSince === null
		? `As of ${clock(facts.at)}${paused ? "." : ", every two seconds anew."}`
		: facts ? `What is shown is of ${clock(facts.at)}.` : "Nothing has come yet.");
}

function took(answer) {
	before = facts;
	facts = answer;
	facts.at = Date.now();
	if (lostSince !== null)
		tell("");
	lostSince = null;
	document.body.classList.remove("lost");
	showAll();
	showWhen();
}

function failed(why) {
	if (lostSince === null) {
		lostSince = Date.now();
		document.body.classList.add("lost");
		tell(`Not reachable since ${clock(lostSince)}: ${why}.`);
	}
	showWhen();
}

/* The answer, or why there is none. */
async function fetchFacts() {
	try {
		const answer = await fetch("page.json", {
			cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(PATIENCE_MS) });
		return answer.ok ? [await answer.json()] : [null, `it answers ${answer.status}`];
	} catch {
		return [null, "no answer"];
	}
}

async function ask() {
	if (asking || paused || document.hidden)
		return;
	asking = true;
	clearTimeout(timer);
	const [answer, why] = await fetchFacts();
	asking = false;
	timer = setTimeout(ask, answer ? EVERY_MS : LATER_MS);
	if (answer)
		took(answer);
	else
		failed(why);
}

byId("pause").addEventListener("click", () => {
	paused = !paused;
	setAttribute(byId("pause"), "aria-pressed", paused);
	tell(paused ? "Paused." : "");
	if (facts)
		showWhen();
	ask();
});
for (const id of ["filter", "quiet"])
	byId(id).addEventListener("input", () => facts && showAll());
byId("controls").addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("visibilitychange", ask);
ask();
