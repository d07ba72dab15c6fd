// The frame: who is logged in, which page is shown.
import { ask, get, setProof, whenLoggedOut } from "./api.js";
import { announce, h, replace, s } from "./dom.js";
import { choose, language, LANGUAGES, t } from "./words.js";
import { login } from "./login.js";
import { settings } from "./settings.js";
import { test } from "./test.js";
import { connections } from "./connections.js";
import { history } from "./history.js";
import { capture } from "./capture.js";

const PAGES = { settings, test, connections, history, capture };

const ICONS = {
	settings: "M3 5h7M14 5h3M3 10h2M9 10h8M3 15h9M16 15h1M12 3v4M7 8v4M14 13v4",
	test: "M2 10h3l2.500-6l5 12l2.500-6h3",
	connections: "M3 6h11l-3-3M17 14H6l3 3",
	history: "M3 17V9M8 17V3M13 17v-6M18 17V6",
	capture: "M10 2v9M6.500 8L10 11.500L13.500 8M3 13v4h14v-4",
};

const app = document.getElementById("app");
let session = null;
let leave = null; // what the page shown wants done when it goes

function setTheme(theme) {
	if (theme === "auto")
		delete document.documentElement.dataset.theme;
	else
		document.documentElement.dataset.theme = theme;
	localStorage.setItem("theme", theme);
}

const icon = (name) => s("svg", { viewBox: "0 0 20 20", width: 20, height: 20, "aria-hidden": "true",
	class: "icon" }, s("path", { d: ICONS[name] }));

function picker(label, values, chosen, onChange) {
	return h("label", { class: "picker" }, h("span", { class: "unseen" }, label),
		h("select", { onchange: (event) => onChange(event.target.value) },
			values.map(([value, text, lang]) =>
				h("option", { value, selected: value === chosen, lang }, text))));
}

function pickers() {
	return h("div", { class: "pickers" },
		picker(t("language"), LANGUAGES.map(([code, name]) => [code, name, code]), language().split("-")[0],
			(value) => { choose(value); show(); }),
		picker(t("theme"), ["auto", "light", "dark"].map((name) => [name, t(`theme.${name}`)]),
			localStorage.getItem("theme") ?? "auto", setTheme));
}

function brand() {
	return h("a", { class: "brand", href: "#settings", "aria-label": "viaduct" },
		h("img", { src: "/mark.svg", width: 30, height: 30, alt: "" }), h("span", {}, "viaduct"));
}

const place = () => {
	const [name, rest] = location.hash.slice(1).split("?");
	return { name: PAGES[name] ? name : "settings", parameters: new URLSearchParams(rest) };
};

async function logout() {
	await ask("DELETE", "/session").catch(() => {});
	session = null;
	show();
}

function frame(current) {
	const main = h("main", { id: "main" });
	const links = Object.keys(PAGES).map((name) => h("li", {},
		h("a", { href: `#${name}`, "aria-current": name === current ? "page" : undefined },
			icon(name), h("span", {}, t(`page.${name}`)))));
	replace(app,
		h("a", { class: "skip", href: "#main", onclick: (event) => {
			event.preventDefault();
			main.querySelector("h1")?.focus();
		} }, t("skip")),
		h("header", { class: "bar" }, brand(),
			h("nav", { "aria-label": t("pages") }, h("ul", {}, links)),
			h("div", { class: "who" }, pickers(),
				h("p", { class: "user" }, session.user,
					h("span", { class: "role" }, t(`role.${session.role}`))),
				h("button", { class: "quiet", type: "button", onclick: logout }, t("logout")))),
		main);
	return main;
}

function showLogin() {
	document.title = `viaduct · ${t("login")}`;
	replace(app, login({ pickers, onDone: (who) => {
		session = who;
		setProof(who.proof);
		show(true);
	} }));
	app.querySelector("input")?.focus();
}

function show(moved = false) {
	leave?.();
	leave = null;
	document.documentElement.lang = language();
	if (!session) {
		showLogin();
		return;
	}
	const { name, parameters } = place();
	const main = frame(name);
	const heading = h("h1", { tabindex: "-1" }, t(`page.${name}`));
	const room = h("div", { class: `page ${name}` });
	main.append(heading, room);
	document.title = `${t(`page.${name}`)} · viaduct`;
	leave = PAGES[name](room, { session, parameters, may: session.role === "change" }) ?? null;
	if (moved) {
		heading.focus();
		announce(t(`page.${name}`));
	}
}

whenLoggedOut(() => {
	if (!session)
		return;
	session = null;
	show();
	announce(t("session.over"));
});

let shown = place().name;
window.addEventListener("hashchange", () => {
	const { name } = place();
	const same = name === shown && name === "history" && document.querySelector(".page.history");
	shown = name;
	if (!same) // the history moves within itself
		show(true);
});

setTheme(localStorage.getItem("theme") ?? "auto");
const who = await get("/session").catch(() => ({ logged_in: false }));
session = who.logged_in ? who : null;
setProof(who.proof);
show();
