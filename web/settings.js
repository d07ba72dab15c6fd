// Proxy settings: the article's form, and what they change on this host.
import { ask, get } from "./api.js";
import { announce, h, newId, replace, shape } from "./dom.js";
import { record as card } from "./exchange.js";
import { moment } from "./format.js";
import { t } from "./words.js";

const FIELDS = ["host", "port", "user", "password"];

export function settings(room, { may }) {
	let saved = null;
	const form = makeForm(may, save, cancel);
	const tools = h("section", { class: "card tools", "aria-labelledby": "tools-head" });
	const audit = h("section", { class: "card audit" });
	room.append(form.element, tools, ...(may ? [audit] : []));

	async function load() {
		try {
			saved = await get("/settings");
			form.show(saved);
		} catch (error) {
			form.say("failure", error.message || t("unreachable"));
		}
		await Promise.all([showTools(tools, may, showAudit), showAudit()]);
	}

	async function showAudit() {
		if (may)
			await fillAudit(audit);
	}

	function cancel() {
		form.show(saved);
		form.say("ok", t("settings.as-saved"));
		form.element.querySelector("input")?.focus();
	}

	async function save(confirmed) {
		form.busy(true, confirmed ? t("saving") : t("settings.trying"));
		try {
			saved = await ask("PUT", "/settings",
				{ ...form.values(), version: saved.version, confirmed });
			form.show(saved);
			form.say("ok", t("settings.saved"));
			announce(t("settings.saved"));
			showTools(tools, may, showAudit);
			showAudit();
		} catch (error) {
			refused(error);
		} finally {
			form.busy(false);
		}
	}

	function refused(error) {
		form.say("", "");
		if (error.status === 409 && error.body.confirm)
			question(error.body, () => save(true));
		else if (error.body?.remarks)
			form.remarks(error.body.remarks, true);
		else
			form.say("failure", error.message || t("unreachable"));
	}

	load();
}

// ---- the form ------------------------------------------------------------------------------------

function checkbox(name, label, may) {
	const id = newId(name);
	const input = h("input", { type: "checkbox", id, name, disabled: !may });
	return { input, element: h("div", { class: "field check" }, input, h("label", { for: id }, label)) };
}

function textbox(name, label, may, properties = {}) {
	const id = newId(name), said = newId(`${name}-said`);
	const input = h("input", { id, name, disabled: !may, spellcheck: "false", autocapitalize: "none",
		autocomplete: "off", "aria-describedby": said, ...properties });
	const remarks = h("div", { class: "remarks", id: said });
	return { input, remarks,
		element: h("div", { class: `field ${name}` }, h("label", { for: id }, label), input, remarks) };
}

function makeForm(may, onSave, onCancel) {
	const enabled = checkbox("enabled", t("enabled"), may);
	const auth = checkbox("auth", t("auth"), may);
	const box = {
		host: textbox("host", t("host"), may, { inputmode: "url" }),
		port: textbox("port", t("port"), may, { inputmode: "numeric", size: 6, maxlength: 5 }),
		user: textbox("user", t("username"), may),
		password: textbox("password", t("password"), may,
			{ type: "password", autocomplete: "new-password" }),
	};
	const said = h("div", { class: "said", role: "alert" });
	const save = h("button", { class: "main", type: "submit", disabled: !may }, t("save"));
	const cancel = h("button", { type: "button", disabled: !may, onclick: onCancel }, t("cancel"));
	const element = h("form", { class: "card form", novalidate: true, onsubmit: (event) => {
		event.preventDefault();
		onSave(false);
	} },
	h("p", { class: "dim" }, t("settings.about")), enabled.element, box.host.element, box.port.element,
	auth.element, box.user.element, box.password.element, said,
	h("div", { class: "buttons" }, save, cancel,
		may ? null : h("p", { class: "dim" }, t("view-only"))));
	const file = h("p", { class: "dim file" });
	element.append(file);
	element.inert = true; // until there is something to change

	function follow() {
		for (const name of ["user", "password"])
			box[name].input.disabled = !may || !auth.input.checked;
	}
	auth.input.addEventListener("change", follow);

	function remarks(list, refused) {
		for (const name of FIELDS) {
			replace(box[name].remarks);
			box[name].input.removeAttribute("aria-invalid");
		}
		for (const { field, fault, text } of list) {
			const where = box[field] ?? box.host;
			where.remarks.append(h("p", { class: fault ? "error" : "warn", lang: "en" },
				shape(fault ? "failure" : "warning", t(fault ? "error" : "warning")), text));
			if (fault)
				where.input.setAttribute("aria-invalid", "true");
		}
		const first = list.find((remark) => remark.fault);
		if (refused && first) {
			say("failure", t("settings.refused"));
			(box[first.field] ?? box.host).input.focus();
		}
	}

	function say(severity, text) {
		replace(said, text ? h("p", { class: severity }, severity ? shape(severity) : null, text) : null);
	}

	return {
		element, remarks, say,
		show(values) {
			enabled.input.checked = values.enabled;
			auth.input.checked = values.auth;
			for (const name of ["host", "port", "user"])
				box[name].input.value = values[name];
			box.password.input.value = "";
			box.password.input.placeholder = values.has_password ? t("password.kept") : "";
			replace(file, t("settings.file"), " ", h("code", {}, values.file));
			follow();
			remarks(values.remarks, false);
			element.inert = false;
		},
		values: () => ({
			enabled: enabled.input.checked, auth: auth.input.checked,
			host: box.host.input.value, port: box.port.input.value.trim(),
			user: box.user.input.value,
			...(box.password.input.value ? { password: box.password.input.value } : {}),
		}),
		busy(on, text) {
			save.disabled = cancel.disabled = on || !may;
			element.setAttribute("aria-busy", on);
			if (on)
				say("", text);
		},
	};
}

// A Save that can't work asks first.
function question(body, onYes) {
	const head = newId("question");
	const dialog = h("dialog", { class: "question", "aria-labelledby": head });
	const close = () => { dialog.close(); dialog.remove(); };
	dialog.append(
		h("h2", { id: head }, t("settings.fails")),
		body.record ? card(body.record, { short: true }) : h("p", { lang: "en" }, body.error),
		h("p", {}, t("settings.save-anyway?")),
		h("div", { class: "buttons" },
			h("button", { class: "main", type: "button", autofocus: true, onclick: close }, t("back")),
			h("button", { type: "button", onclick: () => { close(); onYes(); } },
				t("settings.save-anyway"))));
	dialog.addEventListener("cancel", () => dialog.remove());
	document.body.append(dialog);
	dialog.showModal();
}

// ---- this host's tools ---------------------------------------------------------------------------

function diff(text) {
	return h("pre", { tabindex: "0", "aria-label": t("tools.diff") }, text.trimEnd().split("\n").map((line) =>
		h("span", { class: line.startsWith("+") ? "comes" : line.startsWith("-") ? "goes" : "dim" },
			`${line}\n`)));
}

function change(one) {
	return h("details", {},
		h("summary", {}, one.tool ? h("span", { class: "tool" }, one.tool) : null, " ",
			h("code", {}, one.path), " ",
			one.comes ? h("span", { class: "dim" }, t("tools.new")) : null,
			one.goes ? h("span", { class: "dim" }, t("tools.gone")) : null),
		one.effect ? h("p", { class: "dim", lang: "en" }, one.effect) : null,
		one.readable_by_all ? h("p", { class: "warn" }, shape("warning"), t("tools.readable")) : null,
		one.touched ? h("p", { class: "warn" }, shape("warning"), t("tools.touched")) : null,
		diff(one.diff));
}

async function showTools(section, may, onChanged) {
	const said = h("p", { role: "alert" });
	async function run(method, word) {
		try {
			fillTools(section, await ask(method, "/tools"), may, run, said);
			replace(said, shape("ok"), t(word));
			onChanged();
		} catch (error) {
			replace(said, shape("failure"), error.message || t("unreachable"));
		}
	}
	try {
		fillTools(section, await get("/tools"), may, run, said);
	} catch (error) {
		replace(section, h("h2", { id: "tools-head" }, t("tools")), h("p", {}, error.message));
	}
}

function fillTools(section, answer, may, run, said) {
	const { changes, undo, trouble } = answer;
	replace(section,
		h("h2", { id: "tools-head" }, t("tools")),
		h("p", { class: "dim" }, t("tools.about")),
		trouble ? h("p", { class: "warn", lang: "en" }, shape("warning", t("warning")), trouble) : null,
		changes.length ? h("h3", {}, t("tools.would-change", { n: changes.length })) : null,
		changes.map(change),
		!changes.length && !trouble ? h("p", {}, shape("ok"), " ", t("tools.all-set")) : null,
		said,
		h("div", { class: "buttons" },
			changes.length ? h("button", { class: "main", type: "button", disabled: !may,
				onclick: () => run("POST", "tools.applied") }, t("tools.apply")) : null,
			undo.length ? h("button", { type: "button", disabled: !may,
				onclick: () => run("DELETE", "tools.undone") }, t("tools.undo")) : null),
		undo.length ? h("details", { class: "undo" }, h("summary", {}, t("tools.undo-what")),
			undo.map(change)) : null);
}

// ---- who changed what ----------------------------------------------------------------------------

async function fillAudit(section) {
	const { changes } = await get("/audit").catch(() => ({ changes: [] }));
	replace(section, h("details", {}, h("summary", {}, h("h2", {}, t("audit"))),
		h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("audit") },
			h("table", {}, h("thead", {}, h("tr", {}, ["when", "user", "from", "did"].map((word) =>
				h("th", { scope: "col" }, t(`audit.${word}`))))),
			h("tbody", {}, changes.slice(0, 100).map((one) => h("tr", {},
				h("td", {}, moment(new Date(one.at))), h("td", {}, one.user),
				h("td", { class: "mono" }, one.from),
				h("td", {}, t(`did.${one.did}`), one.what ? h("span", { class: "dim" }, ` ${one.what}`)
					: null))))))));
}
