// The history: searched, filtered, and drawn over time.
import { get, query } from "./api.js";
import { h, newId, replace } from "./dom.js";
import { chart } from "./chart.js";
import { pager } from "./exchange.js";
import { bytes, number } from "./format.js";
import { t } from "./words.js";

const SPANS = { hour: 3600e3, day: 86400e3, week: 7 * 86400e3, month: 30 * 86400e3 };
const SOURCES = ["check", "proxy", "watch", "capture"];

// What <input type="datetime-local"> wants: the reader's own time, without its zone.
const local = (ms) => {
	const at = new Date(ms);
	return new Date(ms - at.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
};

export function history(room, { parameters }) {
	const filter = {};
	for (const name of ["text", "verdict", "source", "target", "proxy", "from", "to"])
		filter[name] = parameters.get(name) ?? "";
	let open = parameters.get("open");

	const field = (name, properties = {}, label = t(`history.${name}`)) => {
		const id = newId(name);
		const input = h("input", { id, name, value: filter[name], ...properties,
			onchange: () => set({ [name]: input.value.trim() }) });
		return { input, element: h("div", { class: `field ${name}` }, h("label", { for: id }, label), input) };
	};
	const select = (name, options) => {
		const id = newId(name);
		const input = h("select", { id, name, onchange: () => set({ [name]: input.value }) },
			h("option", { value: "" }, t("any")), options);
		input.value = filter[name];
		return { input, element: h("div", { class: `field ${name}` },
			h("label", { for: id }, t(`history.${name}`)), input) };
	};
	const moments = (name) => {
		const one = field(name, { type: "datetime-local", step: 1, value: filter[name] ? local(Number(filter[name])) : "" });
		one.input.addEventListener("change", (event) => {
			event.stopImmediatePropagation();
			const at = new Date(one.input.value).getTime();
			set({ [name]: Number.isNaN(at) ? "" : String(at) });
		}, { capture: true });
		return one;
	};

	const verdicts = h("optgroup", { label: t("history.verdicts") });
	const inputs = {
		text: field("text", { type: "search", placeholder: t("history.search-for"), spellcheck: "false" }),
		verdict: select("verdict", [h("option", { value: "failure" }, t("severity.failure")),
			h("option", { value: "warning" }, t("severity.warning")), verdicts]),
		source: select("source", SOURCES.map((name) => h("option", { value: name }, t(`source.${name}`)))),
		target: field("target", { spellcheck: "false", placeholder: "tools.cisco.com:443" }),
		proxy: field("proxy", { spellcheck: "false", placeholder: "10.10.10.1:80" }),
		from: moments("from"), to: moments("to"),
	};
	const totals = h("p", { class: "dim totals" });
	const picture = chart({ onRange: (from, to) =>
		set({ from: String(Math.floor(from)), to: String(Math.ceil(to)) }) });
	const rows = pager({
		label: t("page.history"), filter: () => ({ ...filter }),
		onOpen: (key) => { open = key; remember(); },
	});

	function remember() {
		window.history.replaceState(null, "", `#history${query({ ...filter, open })}`);
	}

	async function load() {
		remember();
		get(`/chart${query({ from: filter.from, to: filter.to, source: filter.source })}`)
			.then(picture.show).catch(() => {});
		await rows.restart();
	}

	function set(values) {
		Object.assign(filter, values);
		for (const name of ["from", "to"])
			inputs[name].input.value = filter[name] ? local(Number(filter[name])) : "";
		open = null;
		load();
	}

	function clear() {
		for (const [name, { input }] of Object.entries(inputs)) {
			filter[name] = "";
			input.value = "";
		}
		set({});
	}

	room.append(
		h("form", { class: "card filters", role: "search", onsubmit: (event) => {
			event.preventDefault();
			set({ text: inputs.text.input.value.trim() });
		} },
		inputs.text.element, inputs.verdict.element, inputs.source.element, inputs.target.element,
		inputs.proxy.element, inputs.from.element, inputs.to.element,
		h("div", { class: "buttons" }, h("button", { class: "main", type: "submit" }, t("history.search")),
			Object.keys(SPANS).map((name) => h("button", { type: "button", onclick: () =>
				set({ from: String(Date.now() - SPANS[name]), to: "" }) }, t(`span.${name}`))),
			h("button", { type: "button", onclick: clear }, t("history.clear")))),
		h("section", { class: "card", "aria-label": t("history.chart") }, h("h2", {}, t("history.chart")),
			picture.element, h("p", { class: "dim hint" }, t("history.drag"))),
		rows.element, totals);

	get("/verdicts").then((answer) => {
		replace(verdicts, answer.verdicts.map(({ id }) => h("option", { value: id }, id)));
		inputs.verdict.input.value = filter.verdict;
	}).catch(() => {});
	get("/totals").then((all) => {
		totals.textContent = t("history.totals", { n: number(all.exchanges), size: bytes(all.bytes),
			most: bytes(all.most_bytes), days: number(all.most_days) });
	}).catch(() => {});
	const first = open;
	load().then(() => first && rows.open(first));
}
