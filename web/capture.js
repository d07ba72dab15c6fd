// A capture is dropped, goes to the reader as it comes, and its exchanges are shown.
import { ask, get, query, upload } from "./api.js";
import { announce, h, newId, replace, shape } from "./dom.js";
import { pager } from "./exchange.js";
import { bytes, moment, number } from "./format.js";
import { t } from "./words.js";

export function capture(room, { session, may }) {
	const id = newId("file");
	const input = h("input", { type: "file", id, class: "unseen", disabled: !may, onchange: () => {
		if (input.files[0])
			read(input.files[0]);
		input.value = "";
	} });
	const said = h("div", { class: "progress", role: "status" });
	const zone = h("div", { class: "drop card", ondragover: (event) => {
		event.preventDefault();
		zone.classList.toggle("over", may);
	}, ondragleave: () => zone.classList.remove("over"), ondrop: (event) => {
		event.preventDefault();
		zone.classList.remove("over");
		if (may && event.dataTransfer.files[0])
			read(event.dataTransfer.files[0]);
	} },
	h("p", { class: "big" }, t("capture.drop")), input,
	h("label", { class: `button main${may ? "" : " off"}`, for: id }, t("capture.choose")),
	h("p", { class: "dim" }, t("capture.limit", { most: bytes(session.most_capture) })),
	may ? null : h("p", { class: "dim" }, t("view-only")), said);
	const found = h("section", { class: "found", "aria-live": "off" });
	const earlier = h("section", { class: "card earlier" });
	room.append(zone, found, earlier);

	async function read(file) {
		if (file.size > session.most_capture) {
			replace(said, h("p", { class: "error" }, shape("failure"),
				t("capture.too-large", { size: bytes(file.size), most: bytes(session.most_capture) })));
			return;
		}
		const bar = h("progress", { max: Math.max(file.size, 1), value: 0, "aria-label": file.name });
		const text = h("p", {}, file.name);
		const { done, stop } = upload(`/captures${query({ name: file.name })}`, file, (event) => {
			bar.value = event.loaded;
			text.textContent = t("capture.reading", { name: file.name,
				part: number(event.loaded / Math.max(event.total, 1), { style: "percent" }) });
		});
		replace(said, text, bar, h("button", { type: "button", onclick: stop }, t("cancel")));
		try {
			show(await done);
		} catch (error) {
			replace(said, h("p", { class: "error", lang: "en" }, shape("failure"),
				error.name === "AbortError" ? t("capture.stopped") : error.message || t("unreachable")));
		}
		list();
	}

	function show(one) {
		const text = t("capture.done", { name: one.name, n: number(one.exchanges), failed: number(one.failures) });
		replace(said, h("p", {}, shape(one.failures ? "failure" : one.exchanges ? "ok" : "unclear"), text),
			one.trouble ? h("p", { class: "warn", lang: "en" }, shape("warning"), one.trouble) : null,
			one.exchanges ? null : h("p", { class: "dim" }, t("capture.nothing")));
		announce(text);
		open(one);
	}

	function open(one) {
		const rows = pager({ label: one.name, filter: () => ({ capture: one.id }) });
		replace(found, h("h2", { tabindex: "-1" }, one.name), rows.element);
		rows.restart();
	}

	async function forget(one) {
		await ask("DELETE", `/captures/${one.id}`).catch(() => {});
		replace(found);
		list();
	}

	async function list() {
		const { captures } = await get("/captures").catch(() => ({ captures: [] }));
		replace(earlier, h("h2", {}, t("capture.earlier")),
			captures.length ? h("ul", {}, captures.map((one) => h("li", {},
				h("button", { type: "button", class: "link", onclick: () => {
					open(one);
					found.querySelector("h2").focus();
				} }, one.name), " ",
				h("span", { class: "dim" }, t("capture.line", { at: moment(new Date(one.at)),
					n: number(one.exchanges), failed: number(one.failures) })), " ",
				may ? h("button", { type: "button", class: "quiet", "aria-label":
					t("capture.forget-named", { name: one.name }), onclick: () => forget(one) },
				t("capture.forget")) : null)))
				: h("p", { class: "dim" }, t("capture.none")));
	}

	list();
}
