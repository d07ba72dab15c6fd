// The live connections to the proxy, once a second: what they carry, and where the kernel sees trouble.
import { get } from "./api.js";
import { h, replace, s, shape } from "./dom.js";
import { bytes, number, span } from "./format.js";
import { t } from "./words.js";

const SAMPLES = 60, EVERY = 1000, WIDTH = 132, HEIGHT = 30;

// Bytes of each second, up above and down below a line, both to the same scale.
function sparkline(history) {
	const most = Math.max(1, ...history.flatMap(({ up, down }) => [up, down]));
	const step = WIDTH / (SAMPLES - 1), middle = HEIGHT / 2;
	const from = SAMPLES - history.length;
	const area = (name, sign) => `M${from * step} ${middle}` + history.map((one, i) =>
		`L${((from + i) * step).toFixed(1)} ${(middle - sign * one[name] / most * (middle - 1)).toFixed(1)}`)
		.join("") + `L${WIDTH} ${middle}Z`;
	const last = history.at(-1) ?? { up: 0, down: 0 };
	return h("figure", { class: "spark" },
		s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, role: "img",
			"aria-label": t("spark", { up: bytes(last.up), down: bytes(last.down) }) },
		s("path", { class: "up", d: area("up", 1) }), s("path", { class: "down", d: area("down", -1) }),
		s("path", { class: "axis", d: `M0 ${middle}H${WIDTH}` })));
}

const fact = (name, value, show) => value === undefined ? null
	: h("div", {}, h("dt", {}, t(`live.${name}`)), h("dd", {}, show(value)));

function card(one, history) {
	return h("li", { class: `card live ${one.severity}` },
		h("div", { class: "head" }, shape(one.severity, t(`severity.${one.severity}`)),
			h("span", { class: "state" }, one.state),
			h("span", { class: "mono grow" }, `${one.client} → ${one.proxy}`),
			one.process ? h("span", { class: "process" }, `${one.process} (${one.pid})`) : null),
		one.bytes_up === undefined ? null : h("div", { class: "body" }, sparkline(history),
			h("dl", { class: "numbers" },
				fact("up", one.bytes_up, bytes),
				fact("down", one.bytes_down, bytes),
				fact("rtt", one.rtt_ms, span),
				fact("retrans", one.retrans, number),
				fact("mss", one.mss_out, number),
				fact("mtu", one.path_mtu, number),
				fact("idle", one.idle_ms, span))),
		(one.signs ?? []).map((sign) => h("p", { class: "sign", lang: "en" },
			shape(sign.severity, sign.sign), sign.what)));
}

export function connections(room) {
	const known = new Map(); // of each socket: bytes so far, and those of each second
	const said = h("p", { class: "dim", role: "status" });
	const cards = h("ul", { class: "cards" });
	let paused = false, timer = 0, gone = false;
	const pause = h("button", { type: "button", "aria-pressed": "false", onclick: () => {
		paused = !paused;
		pause.setAttribute("aria-pressed", paused);
		pause.textContent = t(paused ? "live.go-on" : "live.pause");
		if (!paused)
			tick();
	} }, t("live.pause"));
	room.append(h("div", { class: "tools-row" }, said, pause), cards);

	function sample(one) {
		const key = `${one.client} ${one.inode ?? ""}`;
		const up = one.bytes_up ?? 0, down = one.bytes_down ?? 0;
		const old = known.get(key) ?? { up, down, history: [] };
		const history = [...old.history, { up: Math.max(0, up - old.up), down: Math.max(0, down - old.down) }];
		return [key, { up, down, history: history.slice(-SAMPLES) }];
	}

	function show({ connections, host, port }) {
		const over = (one) => one.state === "TIME-WAIT"; // it waits for nothing but time
		const all = [...connections.filter((one) => !over(one)), ...connections.filter(over)];
		const samples = all.map(sample);
		known.clear();
		samples.forEach(([key, value]) => known.set(key, value));
		said.textContent = all.length ? t("live.count", { n: number(all.length), proxy: `${host}:${port}` })
			: t("live.none", { proxy: `${host}:${port}` });
		replace(cards, all.slice(0, 200).map((one, i) => card(one, samples[i][1].history)));
	}

	async function tick() {
		clearTimeout(timer);
		if (gone || paused)
			return;
		try {
			if (!document.hidden)
				show(await get("/connections"));
		} catch (error) {
			said.textContent = error.status === 404 ? t("live.no-proxy") : error.message || t("unreachable");
			replace(cards);
		}
		if (!gone && !paused)
			timer = setTimeout(tick, EVERY);
	}

	tick();
	return () => { gone = true; clearTimeout(timer); };
}
