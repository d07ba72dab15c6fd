// The console's pages in a real Chromium.
//
//     console.mjs VIADUCT [FOLDER]
//
// FOLDER: screenshots of each page are written there, light and dark (make screenshots).
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import assert from "node:assert/strict";
import { HOSTILE, launch, load, PASSWORD, Place, ROOT, Tap } from "./kit.mjs";

const LAB = join(ROOT, "tests", "captures", "lab");
const [program, shots] = process.argv.slice(2);

if (!load("playwright-core")) {
	console.log("1..0 # SKIP there is no playwright-core: make setup installs it");
	process.exit(0);
}

const axe = readFileSync(join(ROOT, "build-browser", "node_modules", "axe-core", "axe.min.js"), "utf8");
const tap = new Tap();
const place = new Place(program);
const browser = await launch();
const url = await place.console();
const good = await place.good(), denying = await place.denying();
const closed = 1; // nobody listens there, and the kernel gives it to nobody
const errors = [];

async function open(options = {}) {
	const context = await browser.newContext({ viewport: { width: 1000, height: 660 }, colorScheme: "light",
		locale: "en-GB", timezoneId: "UTC", reducedMotion: "reduce", ...options });
	const page = await context.newPage();
	page.setDefaultTimeout(15000);
	page.on("pageerror", (error) => errors.push(error.message));
	page.on("dialog", (dialog) => { errors.push(`a script ran: ${dialog.message()}`); dialog.dismiss(); });
	page.on("request", (request) => {
		if (!request.url().startsWith(url) && !request.url().startsWith("blob:"))
			errors.push(`a request to ${request.url()}`);
	});
	await page.goto(url);
	await page.getByRole("heading", { level: 1 }).waitFor(); // its script asks who is logged in before it draws
	return page;
}

// The form takes nothing until it has what is saved, and would put that over what was filled in before.
const filled = (page) => page.locator("form.form:not([inert])").waitFor();

// A history comes in several answers where the machine is slow: until the last is there.
async function listed(page) {
	await page.locator("tr[data-key]").first().waitFor();
	await page.locator(".list > .buttons button:enabled").waitFor({ state: "attached" });
}

async function login(page, user = "admin", password = PASSWORD) {
	await page.getByLabel("User").fill(user);
	await page.getByLabel("Password").fill(password);
	await page.getByRole("button", { name: "Log in" }).click();
	await page.getByRole("heading", { level: 1, name: "Proxy settings" }).waitFor();
	await filled(page);
}

const go = async (page, name) => {
	await page.getByRole("link", { name, exact: true }).click();
	await page.getByRole("heading", { level: 1, name }).waitFor();
	if (name === "Proxy settings")
		await filled(page);
};

// axe goes in by the debugger's door: the page's own policy would rightly keep it out.
async function accessible(page, what, rules) {
	await page.evaluate(axe);
	const { violations } = await page.evaluate((runOnly) => window.axe.run(document, { runOnly }), rules ??
		["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]);
	assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes[0].html} ${nodes[0].failureSummary}`), [],
		what);
}

// In both colours; by night nothing else can be wrong that is right by day.
async function look(page, name, picture = true) {
	for (const scheme of ["light", "dark"]) {
		await page.emulateMedia({ colorScheme: scheme });
		await accessible(page, `${name}, ${scheme}`, scheme === "dark" ? ["color-contrast"] : undefined);
		if (shots && picture)
			await page.screenshot({ path: join(shots, `${name}-${scheme}.png`), animations: "disabled" });
	}
	await page.emulateMedia({ colorScheme: "light" });
}

async function save(page, { port, confirm = false, ...fields }) {
	await page.getByLabel("Enabled").check();
	await page.getByLabel("HTTP Proxy").fill(fields.host ?? "127.0.0.1");
	await page.getByLabel("Port").fill(String(port));
	await page.getByRole("button", { name: "Save", exact: true }).click();
	if (confirm)
		await page.getByRole("button", { name: "Save anyway" }).click();
	await page.getByRole("alert").getByText("Saved.").waitFor();
}

const finished = (page) => page.locator(".verdict .exchange .ladder svg").waitFor();

// ---- cases ---------------------------------------------------------------------------------------

const page = await open();

await tap.case("login: a wrong password, the right one, by the keyboard alone", async () => {
	await look(page, "login");
	await page.getByLabel("User").press("Tab");
	await page.keyboard.type("wrong password");
	await page.keyboard.press("Enter");
	await page.getByText("User or password is wrong.").waitFor();
	await page.keyboard.type(PASSWORD); // the field has the focus again
	await page.keyboard.press("Enter");
	await page.getByRole("heading", { level: 1, name: "Proxy settings" }).waitFor();
	await filled(page);
});

await tap.case("the form is the article's", async () => {
	assert.deepEqual(await page.locator(".form label").allTextContents(),
		["Enabled", "HTTP Proxy", "Port", "Use Proxy Authentication", "User Name", "Password"]);
	assert.deepEqual(await page.locator(".form button").allTextContents(), ["Save", "Cancel"]);
});

for (const [what, fill, field, words] of [
	["a URL for the host", { host: "http://proxy.example" }, "HTTP Proxy", "is a URL"],
	["blanks in the host", { host: "a b" }, "HTTP Proxy", "a character that no name has"],
	["no host", { host: "" }, "HTTP Proxy", "there is no host"],
	["a port beyond 65535", { port: "99999" }, "Port", "from 1 to 65535"],
	["no port", { port: "" }, "Port", "there is no port"],
	["a word for the port", { port: "http" }, "Port", "from 1 to 65535"],
	["no user", { auth: true }, "User Name", "there is no user"],
	["a colon in the user", { auth: true, user: "a:b", password: "x" }, "User Name", "has a ':'"],
	["no password", { auth: true, user: "bob" }, "Password", "there is no password"],
	["letters for the eye alone", { host: "prоxy.example" }, "HTTP Proxy", "letters outside ASCII"],
])
	await tap.case(`wrong input: ${what}`, async () => {
		await page.getByRole("button", { name: "Cancel" }).click();
		await page.getByLabel("Enabled").check();
		await page.getByLabel("HTTP Proxy").fill(fill.host ?? "127.0.0.1");
		await page.getByLabel("Port").fill(fill.port ?? String(good));
		await page.getByLabel("Use Proxy Authentication").setChecked(Boolean(fill.auth));
		if (fill.auth) {
			await page.getByLabel("User Name").fill(fill.user ?? "");
			await page.getByLabel("Password").fill(fill.password ?? "");
		}
		await page.getByRole("button", { name: "Save", exact: true }).click();
		const box = page.getByLabel(field, { exact: true });
		await page.locator(`.field:has(:text("${field}")) .error`).first().waitFor();
		assert.equal(await box.getAttribute("aria-invalid"), "true");
		const said = await page.locator(`[id="${await box.getAttribute("aria-describedby")}"]`).textContent();
		assert.ok(said.includes(words), said);
		assert.ok(await box.evaluate((node) => node === document.activeElement), "the field has no focus");
		if (fill.port === "99999")
			await look(page, "settings-refused", false);
	});

await tap.case("a Save that can't work asks first", async () => {
	await page.getByRole("button", { name: "Cancel" }).click();
	await page.getByLabel("Use Proxy Authentication").uncheck();
	await page.getByLabel("Enabled").check();
	await page.getByLabel("HTTP Proxy").fill("127.0.0.1");
	await page.getByLabel("Port").fill(String(closed));
	await page.getByRole("button", { name: "Save", exact: true }).click();
	await page.getByRole("dialog").getByText("proxy-refused").waitFor();
	await look(page, "settings-question");
	await page.getByRole("button", { name: "Back to the form" }).click();
	await page.getByRole("button", { name: "Cancel" }).click();
	assert.equal(await page.getByLabel("Port").inputValue(), "");
});

await tap.case("the password goes in and never comes back", async () => {
	await page.getByLabel("Use Proxy Authentication").check();
	await page.getByLabel("User Name").fill("bob");
	await page.getByLabel("Password").fill("s3cret pass");
	await save(page, { port: good });
	assert.equal(await page.getByLabel("Password").inputValue(), "");
	await page.reload();
	await page.getByText("Files that would change").waitFor();
	assert.equal(await page.getByLabel("Password").inputValue(), "");
	assert.ok(!(await page.content()).includes("s3cret"));
	assert.equal(readFileSync(`${place.settings}.password`, "utf8"), "s3cret pass\n");
	await look(page, "settings");
});

await tap.case("what will change on the tools is shown, done and undone", async () => {
	const file = join(place.folder, "root", "etc", "environment");
	const before = readFileSync(file, "utf8");
	await page.locator("summary", { hasText: "/etc/environment" }).click();
	const diff = await page.locator("details[open] pre").first().textContent();
	assert.ok(/^\+.*http_proxy=/m.test(diff) && !diff.includes("s3cret"), diff);
	await page.getByRole("button", { name: "Change these files" }).click();
	await page.getByText("The files were changed.").waitFor();
	assert.ok(readFileSync(file, "utf8").includes("http_proxy"));
	await page.getByRole("button", { name: "Undo the last change" }).click();
	await page.getByText("The files are as they were.").waitFor();
	assert.equal(readFileSync(file, "utf8"), before);
});

await tap.case("a test against a good proxy: every stage, a verdict", async () => {
	await page.getByLabel("Use Proxy Authentication").uncheck();
	await save(page, { port: good });
	await go(page, "Test");
	await page.getByRole("button", { name: "Test the path" }).click();
	await finished(page);
	assert.equal(await page.locator(".verdict .badge").first().textContent(), "ok");
	assert.ok(await page.locator(".stage.ok").count() >= 5);
	assert.equal(await page.locator(".stage.failure").count(), 0);
	await look(page, "test-good", false);
});

await tap.case("a test against one that denies: hostile strings are shown, never run", async () => {
	await go(page, "Proxy settings");
	await save(page, { port: denying, confirm: true });
	await go(page, "Test");
	await page.getByRole("button", { name: "Test the path" }).click();
	await finished(page);
	const said = await page.locator(".verdict").innerText();
	assert.ok(said.includes("denied") && said.includes(HOSTILE), said);
	assert.equal(await page.locator("img[src=x], script:not([src])").count(), 0);
	assert.equal(await page.locator(".stage.failure").count(), 1);
	await look(page, "test-denied");
});

await tap.case("copy for a ticket, a report to download", async () => {
	await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: url.slice(0, -1) });
	await page.getByRole("button", { name: "Copy for a ticket" }).click();
	await page.getByRole("button", { name: "Copied" }).waitFor();
	const ticket = await page.evaluate(() => navigator.clipboard.readText());
	assert.ok(ticket.includes("Likely cause") && ticket.includes("denied"), ticket);
	const download = page.waitForEvent("download");
	await page.getByRole("link", { name: "Download a report" }).click();
	const file = readFileSync(await (await download).path(), "utf8");
	assert.ok(file.startsWith("<!") && !file.includes(HOSTILE), file.slice(0, 200));
});

await tap.case("a test against a port where nobody listens", async () => {
	await go(page, "Proxy settings");
	await save(page, { port: closed, confirm: true });
	await go(page, "Test");
	await page.getByRole("button", { name: "Test the path" }).click();
	await page.locator(".verdict .badge", { hasText: "proxy-refused" }).waitFor();
	await page.locator(".stage.failure", { hasText: "Connection" }).waitFor();
});

await tap.case("live connections, with what they carry", async () => {
	await go(page, "Proxy settings");
	await save(page, { port: good });
	await place.connection(good);
	await go(page, "Connections");
	const card = page.locator(".live", { hasText: "ESTABLISHED" }).first();
	await card.waitFor();
	await page.waitForFunction(() => [...document.querySelectorAll(".live .spark .up")]
		.some((path) => new Set(path.getAttribute("d").match(/L\S+ (\S+)/g)).size > 2));
	assert.ok((await card.innerText()).includes("RTT"));
	await page.getByRole("button", { name: "Pause" }).click();
	await look(page, "connections");
	await page.getByRole("button", { name: "Go on" }).click();
});

await tap.case("a dropped capture, its exchanges; what is none is refused", async () => {
	await go(page, "Read a capture");
	const names = readdirSync(LAB).filter((name) => /\.pcap/.test(name)).slice(0, 7);
	for (const name of names) {
		const data = await page.evaluateHandle(([bytes, called]) => {
			const transfer = new DataTransfer();
			transfer.items.add(new File([new Uint8Array(bytes)], called));
			return transfer;
		}, [[...readFileSync(join(LAB, name))], name]);
		await page.locator(".drop").dispatchEvent("drop", { dataTransfer: data });
		await page.locator(".found h2", { hasText: name }).waitFor();
	}
	await page.getByText(/^\d+ in all$/).waitFor();
	await page.setInputFiles("input[type=file]", { name: `${HOSTILE}.pcap`, mimeType: "", buffer: Buffer.alloc(500) });
	await page.locator(".progress .error", { hasText: "script>.pcap" }).waitFor();
	await look(page, "capture");
	await page.getByRole("button", { name: `Forget ${names.at(-1)}` }).click();
	await page.waitForFunction((count) => document.querySelectorAll(".earlier li").length === count,
		names.length - 1);
});

await tap.case("the history: search, filter, chart, a card with its ladder", async () => {
	await go(page, "History");
	await listed(page);
	const all = await page.locator("tr[data-key]").count();
	await look(page, "history");
	await page.getByLabel("Verdict", { exact: true }).selectOption("denied");
	await page.waitForFunction((count) => {
		const rows = document.querySelectorAll("tr[data-key]").length;
		return rows > 0 && rows < count;
	}, all);
	assert.deepEqual([...new Set(await page.locator("tr[data-key] .badge").allTextContents())], ["denied"]);
	await page.getByRole("searchbox").fill("origin.test");
	await page.getByRole("searchbox").press("Enter");
	await page.waitForFunction(() => [...document.querySelectorAll("tr[data-key] .target")]
		.every((cell) => cell.textContent.includes("origin.test")));
	await page.locator("tr[data-key] button").first().click();
	await page.locator("tr.open .ladder svg").waitFor();
	await page.locator("tr.open .head").evaluate((node) => node.scrollIntoView());
	await look(page, "exchange");
	const kept = page.url();
	await page.goto("about:blank");
	await page.goto(kept); // the address has it all
	await page.locator("tr.open .ladder svg").waitFor();
	const chart = page.waitForResponse((answer) => answer.url().includes("/chart"));
	await page.getByRole("button", { name: "Clear" }).click();
	await chart; // it is drawn anew: the next case drags over it
	await page.waitForFunction((count) => document.querySelectorAll("tr[data-key]").length === count, all);
});

await tap.case("the history: a range is dragged over the chart", async () => {
	await page.locator(".chart svg").scrollIntoViewIfNeeded();
	const all = await page.locator("tr[data-key]").count();
	const box = await page.locator(".chart svg").boundingBox();
	await page.mouse.move(box.x + box.width * 0.9, box.y + 40);
	await page.mouse.down();
	await page.mouse.move(box.x + box.width - 1, box.y + 50, { steps: 5 });
	await page.mouse.up();
	await page.waitForFunction((count) => {
		const rows = document.querySelectorAll("tr[data-key]").length;
		return rows > 0 && rows < count;
	}, all);
	assert.ok(await page.getByLabel("From").inputValue());
});

await tap.case("the keyboard alone reaches and works everything", async () => {
	await page.goto("about:blank");
	await page.goto(`${url}#history`);
	await page.locator("tr[data-key]").first().waitFor();
	await page.locator("body").press("Home");
	const seen = new Set();
	for (let i = 0; i < 60; i++) {
		await page.keyboard.press("Tab");
		const now = await page.evaluate(() => {
			const node = document.activeElement, style = getComputedStyle(node);
			return { what: node.getAttribute("aria-label") ?? node.labels?.[0]?.textContent ?? node.textContent,
				outline: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0,
				body: node === document.body };
		});
		if (now.body)
			break;
		assert.ok(now.outline, `no focus is shown on ${now.what}`);
		seen.add(now.what.trim());
	}
	for (const name of ["Skip to the page", "Test", "History", "Log out", "Search", "Verdict", "From", "24 hours"])
		assert.ok(seen.has(name), `${name} is not among ${[...seen].join(", ")}`);
	await page.locator("tr[data-key] button").first().focus();
	await page.keyboard.press("Enter");
	await page.locator("tr.open .ladder svg").waitFor();
	await page.keyboard.press("Enter");
	await page.locator("tr.open").waitFor({ state: "detached" });
});

await tap.case("360 pixels wide: nothing sticks out, and all is there", async () => {
	const small = await open({ viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true });
	await login(small);
	for (const [name, shown] of [["Proxy settings", ".tools h2"], ["Test", ".stages"], ["Connections", ".tools-row"],
		["History", "tr[data-key]"], ["Read a capture", ".earlier h2"]]) {
		await go(small, name);
		await small.locator(shown).first().waitFor();
		const wide = await small.evaluate(() => document.documentElement.scrollWidth);
		assert.ok(wide <= 360, `${name} is ${wide} wide`);
		if (name === "History")
			await look(small, "history-360");
	}
	await small.context().close();
});

await tap.case("Japanese: the words, the numbers, the document's language", async () => {
	const japanese = await open({ locale: "ja-JP" });
	await japanese.getByLabel("パスワード").fill(PASSWORD); // what says the language has run by then
	assert.equal(await japanese.locator("html").getAttribute("lang"), "ja-JP");
	await japanese.getByRole("button", { name: "ログイン" }).click();
	await japanese.getByRole("heading", { level: 1, name: "プロキシ設定" }).waitFor();
	assert.deepEqual(await japanese.locator(".form label").allTextContents(),
		["有効", "HTTP プロキシ", "ポート", "プロキシ認証を使用", "ユーザー名", "パスワード"]);
	for (const name of ["テスト", "接続", "履歴", "キャプチャの解析"])
		await go(japanese, name);
	await accessible(japanese, "in Japanese");
	const missing = await japanese.evaluate(async () => (await import("/words.js")).missing());
	assert.deepEqual(missing, []);
	await japanese.context().close();
});

await tap.case("two browsers at once: one test, which both follow; who is late saves nothing", async () => {
	const other = await open();
	await login(other);
	await go(page, "Test");
	await go(other, "Test");
	await page.getByRole("button", { name: "Test the path" }).click();
	await other.getByRole("button", { name: "Test the path" }).click();
	await finished(page);
	await finished(other);
	await go(page, "Proxy settings");
	await go(other, "Proxy settings");
	await other.getByText("tools", { exact: false }).first().waitFor();
	await page.waitForFunction(() => document.querySelector("input[name=port]").value);
	await other.waitForFunction(() => document.querySelector("input[name=port]").value);
	await save(page, { port: denying, confirm: true });
	await other.getByLabel("Port").fill(String(good));
	await other.getByRole("button", { name: "Save", exact: true }).click();
	await other.getByText("somebody else has changed the settings").waitFor();
	await other.context().close();
});

await tap.case("who may look sees all, and can change nothing", async () => {
	await place.user("eve", "view", "may only look");
	const eve = await open();
	await login(eve, "eve", "may only look");
	assert.ok(await eve.getByRole("button", { name: "Save", exact: true }).isDisabled());
	await go(eve, "Test");
	assert.ok(await eve.getByRole("button", { name: "Test the path" }).isDisabled());
	await go(eve, "History");
	await eve.locator("tr[data-key]").first().waitFor();
	await eve.context().close();
});

await tap.case("logging out ends the session, here and in the other window", async () => {
	const second = await page.context().newPage();
	await second.goto(`${url}#history`);
	await second.locator("tr[data-key]").first().waitFor();
	await page.getByRole("button", { name: "Log out" }).click();
	await page.getByRole("button", { name: "Log in" }).waitFor();
	await second.getByRole("button", { name: "Search" }).click();
	await second.getByRole("button", { name: "Log in" }).waitFor();
});

await tap.case("no script failed, none ran that is not ours, nothing was asked of another host", async () => {
	assert.deepEqual(errors, []);
});

await browser.close();
await place.end();
tap.done();
