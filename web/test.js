// A test of the path: the stages light up as they pass.
import { ask, get } from "./api.js";
import { announce, h, newId, replace, shape } from "./dom.js";
import { exchange } from "./exchange.js";
import { span } from "./format.js";
import { t } from "./words.js";

const STAGES = ["settings", "dns", "tcp", "proxy", "auth", "tls", "http", "redirects", "download", "closing"];
const RESULTS = { ok: "ok", warning: "warning", failed: "failure" };

export function test(room, { session, may }) {
	const url = newId("url"), known = newId("targets");
	const address = h("input", { id: url, type: "url", required: true, list: known, spellcheck: "false",
		value: sessionStorage.getItem("target") ?? session.target, disabled: !may });
	const head = h("input", { type: "checkbox", id: newId("head"), disabled: !may });
	const profile = newId("profile");
	const choice = h("select", { id: profile, disabled: !may, onchange: () => {
		const [option] = choice.selectedOptions;
		address.value = option.value || session.target;
		head.checked = option.dataset.head === "true";
	} }, h("option", { value: "" }, "–"));
	const start = h("button", { class: "main", type: "submit", disabled: !may }, t("test.start"));
	const said = h("p", { class: "error", role: "alert" });
	const stages = h("ol", { class: "stages", "aria-label": t("test.stages") });
	const verdict = h("section", { class: "card verdict", hidden: true, "aria-live": "polite" });
	let events = null;

	room.append(
		h("form", { class: "card inline", onsubmit: begin },
			h("div", { class: "field grow" }, h("label", { for: url }, t("test.target")), address,
				h("datalist", { id: known }, [...new Set([session.target, "https://tools.cisco.com/",
					"https://www.cisco.com/", "http://www.example.com/"])].map((value) =>
					h("option", { value })))),
			h("div", { class: "field grow" }, h("label", { for: profile }, t("test.profile")), choice),
			h("div", { class: "field check" }, head, h("label", { for: head.id }, t("test.head"))),
			start, said, may ? null : h("p", { class: "dim" }, t("view-only"))),
		h("section", { class: "card" }, h("h2", {}, t("test.stages")), stages), verdict);
	reset();

	function line(stage, state, content, took) {
		return h("li", { class: `stage ${state}`, "data-stage": stage },
			state === "waiting" || state === "running"
				? h("span", { class: "dot", "aria-hidden": "true" }) : shape(state, t(`severity.${state}`)),
			h("span", { class: "name" }, t(`step.${stage}`)),
			h("span", { class: "took num" }, took ?? ""),
			h("span", { class: "seen", lang: "en" }, content ?? ""));
	}

	function put(stage, element) {
		const old = stages.querySelector(`[data-stage="${CSS.escape(stage)}"]`);
		if (old)
			old.replaceWith(element);
		else
			stages.append(element);
	}

	function reset() {
		replace(stages, STAGES.map((stage) => line(stage, "waiting")));
		verdict.hidden = true;
		replace(verdict);
		replace(said);
	}

	async function begin(event) {
		event.preventDefault();
		sessionStorage.setItem("target", address.value);
		reset();
		start.disabled = true;
		try {
			follow((await ask("POST", "/tests", { url: address.value, head: head.checked })).id);
		} catch (error) {
			start.disabled = !may;
			replace(said, error.status === 409 ? t("test.busy") : error.message || t("unreachable"));
			if (error.status === 409)
				followLast();
		}
	}

	function end() {
		events?.close();
		events = null;
		start.disabled = !may;
	}

	function follow(id) {
		end();
		start.disabled = true;
		events = new EventSource(`/api/v1/tests/${encodeURIComponent(id)}/events`);
		events.addEventListener("message", (message) => take(JSON.parse(message.data)));
		events.addEventListener("error", end); // it would begin anew
	}

	function take(event) {
		if (event.event === "begin")
			put(event.stage, line(event.stage, "running"));
		if (event.event === "stage") {
			put(event.stage, line(event.stage, RESULTS[event.result], event.seen, span(event.us / 1000)));
			announce(`${t(`step.${event.stage}`)}: ${t(`severity.${RESULTS[event.result]}`)}`);
		}
		if (event.event === "trouble") {
			replace(said, event.error);
			end();
		}
		if (event.event === "end") {
			replace(verdict, h("h2", {}, t("diagnosis")), exchange(event.key, event.record));
			verdict.hidden = false;
			end();
		}
	}

	async function followLast() {
		const { tests } = await get("/tests").catch(() => ({ tests: [] }));
		if (tests[0] && !tests[0].over) {
			address.value = tests[0].url;
			follow(tests[0].id);
		}
	}

	get("/profiles").then(({ profiles }) => choice.append(...profiles.map((one) =>
		h("optgroup", { label: `${one.title} (${one.date})` }, one.targets.map(({ url: to, purpose, head: bare }) =>
			h("option", { value: to, "data-head": String(bare) }, purpose ? `${to} – ${purpose}` : to))))))
		.catch(() => {});
	followLast(); // another browser may have begun one
	return end;
}
