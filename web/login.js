// The way in.
import { ask } from "./api.js";
import { h, newId, replace } from "./dom.js";
import { t } from "./words.js";

export function login({ pickers, onDone }) {
	const user = newId("user"), password = newId("password"), trouble = newId("trouble");
	const said = h("p", { class: "error", id: trouble, role: "alert" });
	const button = h("button", { class: "main", type: "submit" }, t("login"));
	const name = h("input", { id: user, name: "user", autocomplete: "username", required: true,
		autocapitalize: "none", spellcheck: "false", value: "admin", "aria-describedby": trouble });
	const word = h("input", { id: password, name: "password", type: "password", required: true,
		autocomplete: "current-password", "aria-describedby": trouble });

	async function submit(event) {
		event.preventDefault();
		button.disabled = true;
		replace(said);
		try {
			onDone(await ask("POST", "/session", { user: name.value, password: word.value }));
		} catch (error) {
			replace(said, t(error.status === 401 ? "login.wrong" : error.status === 429
				? "login.wait" : "unreachable"), error.status === 429 ? ` (${error.message})` : "");
			word.value = "";
			word.focus();
		} finally {
			button.disabled = false;
		}
	}

	return h("main", { class: "door", id: "main" },
		h("div", { class: "arch", "aria-hidden": "true" }),
		h("form", { class: "card", onsubmit: submit },
			h("img", { src: "/mark.svg", width: 44, height: 44, alt: "" }),
			h("h1", { tabindex: "-1" }, "viaduct"),
			h("p", { class: "dim" }, t("login.for")),
			h("div", { class: "field" }, h("label", { for: user }, t("user")), name),
			h("div", { class: "field" }, h("label", { for: password }, t("password")), word),
			said, button),
		pickers());
}
