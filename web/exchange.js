// One exchange: its diagnosis card, its ladder, what to send to others. And lists of them.
import { get, picture, query } from "./api.js";
import { announce, h, newId, replace, severityOf, shape } from "./dom.js";
import { clock, date, number, span, start } from "./format.js";
import { draw } from "./ladder.js";
import { t, verdictMeaning } from "./words.js";

const SIDES = { "on the client": "client", "in the network": "network", "on the proxy": "proxy",
	"on the origin": "origin", "at the origin": "origin" };

function badge(record) {
	const severity = severityOf(record);
	return h("span", { class: `badge ${severity}` }, shape(severity, t(`severity.${severity}`)),
		h("span", {}, record.verdict));
}

const row = (name, value) => value === undefined || value === null || value === "" ? null
	: [h("dt", {}, t(`fact.${name}`)), h("dd", {}, value)];

function facts(record) {
	const path = [record.client, record.proxy, record.onward?.origin].filter(Boolean).join(" → ");
	return h("dl", { class: "facts" },
		row("path", h("span", { class: "mono" }, path || t("unknown"))),
		row("request", record.target && h("span", { class: "mono" }, `${record.method ?? ""} ${record.target}`)),
		row("answer", record.status && `${record.status} ${record.reason ?? ""}`),
		row("product", record.product), row("answered_by", record.answered_by),
		row("when", start(record)), row("took", span(record.duration_ms)),
		row("bytes", record.bytes_up !== undefined &&
			`↑ ${number(record.bytes_up)}  ↓ ${number(record.bytes_down ?? 0)}`),
		row("stage", record.stage && t(`stage.${record.stage}`)),
		row("confidence", record.confidence && t(`confidence.${record.confidence}`)));
}

function evidence(record) {
	if (!record.evidence?.length)
		return null;
	return [h("h3", {}, t("evidence")), h("ol", { class: "evidence", lang: "en" }, record.evidence.map((one) =>
		h("li", {}, h("span", { class: "mono dim" }, one.frame ? `#${one.frame} ` : "",
			one.at ? (one.at.split("T")[1] ?? one.at).replace("Z", "") : ""), " ", one.what)))];
}

function remedy(text) {
	const [head, ...rest] = text.split(": ");
	const side = SIDES[head];
	return h("li", {}, side ? h("span", { class: `side ${side}` }, t(`side.${side}`)) : null,
		side ? rest.join(": ") : text);
}

// The card, as `viaduct check` prints it.
export function record(one, { short = false } = {}) {
	return h("div", { class: `diagnosis ${severityOf(one)}` },
		h("div", { class: "head" }, badge(one), h("span", { class: "dim" }, verdictMeaning(one.verdict))),
		h("p", { class: "lead", lang: "en" }, one.summary),
		short ? null : facts(one), short ? null : evidence(one),
		one.cause?.length ? [h("h3", {}, t("causes")),
			h("ol", { lang: "en" }, one.cause.map((text) => h("li", {}, text)))] : null,
		one.remedy?.length && !short ? [h("h3", {}, t("remedies")),
			h("ul", { class: "remedies", lang: "en" }, one.remedy.map(remedy))] : null);
}

// Of some there is the record alone: then what the card here says.
async function copyCard(key, button) {
	const shown = button.closest(".exchange").querySelector(".diagnosis").innerText;
	try {
		await navigator.clipboard.writeText(await get(`/exchanges/${key}/card`).catch(() => shown));
		button.textContent = t("copied");
		announce(t("copied"));
	} catch {
		button.textContent = t("copy.failed");
	}
}

function ladder(key, report) {
	const room = h("div", { class: "ladder scroll", tabindex: "0", role: "region", "aria-label": t("ladder") },
		h("p", { class: "dim" }, t("loading")));
	picture(`/exchanges/${key}/ladder`)
		.then((root) => replace(room, draw(root)))
		.catch(() => {
			replace(room, h("p", { class: "dim" }, t("ladder.none")));
			report.hidden = true;
		});
	return room;
}

// Card, ladder, and what one does with them.
export function exchange(key, one) {
	const copy = h("button", { type: "button", onclick: () => copyCard(key, copy) }, t("copy"));
	const report = h("a", { class: "button", href: `/api/v1/exchanges/${key}/report`, download: "" }, t("report"));
	return h("article", { class: "exchange", "aria-label": one.verdict }, record(one),
		h("h3", {}, t("ladder")), ladder(key, report), h("div", { class: "buttons" }, copy, report));
}

// ---- a list --------------------------------------------------------------------------------------

const COLUMNS = ["verdict", "when", "target", "proxy", "status", "took", "source"];

// Rows whose verdict is a button, which opens the exchange below its row.
function list({ label, onOpen }) {
	const body = h("tbody");
	const table = h("div", { class: "scroll wide" }, h("table", { class: "exchanges" },
		h("caption", { class: "unseen" }, label),
		h("thead", {}, h("tr", {}, COLUMNS.map((name) => h("th", { scope: "col", class: name }, t(`column.${name}`))))),
		body));
	let lastDay = "";

	function toggle(button, line, key, one) {
		const open = button.getAttribute("aria-expanded") !== "true";
		button.setAttribute("aria-expanded", open);
		if (!open) {
			line.nextSibling.remove();
			onOpen?.(null);
			return;
		}
		const id = newId("open");
		button.setAttribute("aria-controls", id);
		line.after(h("tr", { class: "open", id }, h("td", { colspan: COLUMNS.length },
			h("div", { class: "inside-row" }, exchange(key, one)))));
		onOpen?.(key);
	}

	function add({ key, source, record: one }) {
		const at = new Date(one.start);
		const known = !Number.isNaN(at.getTime());
		const today = known ? date(at) : "";
		if (today && today !== lastDay)
			body.append(h("tr", { class: "day" }, h("th", { colspan: COLUMNS.length, scope: "rowgroup" }, today)));
		lastDay = today || lastDay;
		const button = h("button", { type: "button", class: "row", "aria-expanded": "false",
			onclick: () => toggle(button, line, key, one) }, badge(one));
		const line = h("tr", { class: severityOf(one), "data-key": key },
			h("td", { class: "verdict" }, button),
			h("td", { class: "when num" }, known ? clock(at) : one.start ?? ""),
			h("td", { class: "target mono" }, one.target ?? one.sni ?? "–"),
			h("td", { class: "proxy mono" }, one.proxy ?? ""),
			h("td", { class: "status num" }, one.status ?? "–"),
			h("td", { class: "took num" }, span(one.duration_ms)),
			h("td", { class: "source" }, t(`source.${source}`)));
		line.addEventListener("click", (event) => {
			if (!event.target.closest("button") && !getSelection().toString())
				button.click();
		});
		body.append(line);
		return button;
	}

	return { element: table, add, clear: () => { replace(body); lastDay = ""; }, count: () =>
		body.querySelectorAll("tr[data-key]").length,
	open: (key) => body.querySelector(`tr[data-key="${CSS.escape(key)}"] button`)?.click() };
}

// Pages of a list: the next one comes when asked for.
export function pager({ filter, label, onOpen }) {
	const rows = list({ label, onOpen });
	const said = h("p", { class: "dim count", role: "status" });
	const more = h("button", { type: "button", hidden: true, onclick: () => load() }, t("more"));
	let next = null, turn = 0;

	async function load() {
		const mine = turn;
		const values = filter();
		more.disabled = true;
		let want = 50;
		do {
			const answer = await get(`/exchanges${query({ ...values, before: next, most: want })}`);
			if (mine !== turn)
				return;
			answer.exchanges.forEach(rows.add);
			want -= answer.exchanges.length;
			next = answer.next ?? null;
			said.textContent = rows.count() || next ? t(next ? "list.so-far" : "list.all",
				{ n: number(rows.count()) }) : t("list.none");
		} while (want > 0 && next);
		more.hidden = !next;
		more.disabled = false;
	}

	function restart() {
		turn++;
		next = null;
		rows.clear();
		return load().catch((error) => { said.textContent = error.message || t("unreachable"); });
	}

	return { element: h("div", { class: "list" }, said, rows.element, h("div", { class: "buttons" }, more)),
		restart, open: rows.open };
}
