// How many exchanges of each severity began when: bars, of which one drags a range.
import { h, replace, s } from "./dom.js";
import { day, number } from "./format.js";
import { t } from "./words.js";

const WIDTH = 960, HEIGHT = 150, LEFT = 44, BOTTOM = 22, TOP = 8;
const ORDER = ["failure", "warning", "ok"];

function bins({ from, to, step, counts }) {
	const first = Math.floor(from / step) * step;
	const all = new Map();
	for (let at = first; at < to && all.size < 400; at += step)
		all.set(at, { at, ok: 0, warning: 0, failure: 0 });
	for (const { at, severity, count } of counts)
		if (all.has(at))
			all.get(at)[severity] += count;
	return [...all.values()];
}

// A round number that is not below the highest bar.
function roundUp(value) {
	const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
	return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= value);
}

export function chart({ onRange }) {
	const tip = h("p", { class: "tip dim", "aria-hidden": "true" });
	const room = h("figure", { class: "chart" });
	const element = h("div", {}, room, tip);
	let data = null;

	function show(answer) {
		data = answer;
		const list = bins(answer);
		const sum = (bin) => bin.ok + bin.warning + bin.failure;
		const most = roundUp(Math.max(1, ...list.map(sum)));
		const width = (WIDTH - LEFT) / Math.max(list.length, 1);
		const high = (n) => n / most * (HEIGHT - BOTTOM - TOP);
		const x = (i) => LEFT + i * width;
		const bars = list.map((bin, i) => {
			let y = HEIGHT - BOTTOM;
			return ORDER.filter((name) => bin[name]).map((name) => {
				const tall = Math.max(high(bin[name]), 1.5);
				y -= tall;
				return s("rect", { class: name, x: (x(i) + 0.5).toFixed(1), y: y.toFixed(1),
					width: Math.max(width - 1, 1).toFixed(1), height: tall.toFixed(1), rx: 1 });
			});
		});
		const marks = [0, 0.5, 1].map((part) => {
			const y = HEIGHT - BOTTOM - high(most * part);
			return [s("line", { class: "grid", x1: LEFT, x2: WIDTH, y1: y, y2: y }),
				s("text", { class: "axis", x: LEFT - 8, y: y + 4, "text-anchor": "end" },
					number(most * part))];
		});
		const times = [0, 0.25, 0.5, 0.75].map((part) => s("text", { class: "axis",
			x: LEFT + part * (WIDTH - LEFT), y: HEIGHT - 5 },
		day(new Date(list[Math.floor(part * (list.length - 1))].at))));
		const chosen = s("rect", { class: "chosen", y: TOP, height: HEIGHT - BOTTOM - TOP, width: 0, x: 0 });
		const total = list.reduce((all, bin) => all + sum(bin), 0);
		const failed = list.reduce((all, bin) => all + bin.failure, 0);
		const picture = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", preserveAspectRatio: "none",
			"aria-label": t("chart", { n: number(total), failed: number(failed) }) },
		marks, bars, times, chosen);
		drag(picture, chosen, list, width);
		replace(room, picture);
	}

	function drag(picture, chosen, list, width) {
		let from = null;
		const where = (event) => {
			const box = picture.getBoundingClientRect();
			const at = (event.clientX - box.left) / box.width * WIDTH;
			return Math.min(Math.max(at, LEFT), WIDTH);
		};
		const under = (at) => list[Math.min(list.length - 1, Math.max(0, Math.floor((at - LEFT) / width)))];
		picture.addEventListener("pointerdown", (event) => {
			from = where(event);
			picture.setPointerCapture(event.pointerId);
		});
		picture.addEventListener("pointermove", (event) => {
			const at = where(event);
			const bin = under(at);
			if (bin)
				tip.textContent = `${day(new Date(bin.at))} · ${ORDER.map((name) =>
					`${t(`severity.${name}`)} ${number(bin[name])}`).join(" · ")}`;
			if (from === null)
				return;
			chosen.setAttribute("x", Math.min(from, at));
			chosen.setAttribute("width", Math.abs(at - from));
		});
		picture.addEventListener("pointerup", (event) => {
			const to = where(event), begin = from;
			from = null;
			if (begin !== null && Math.abs(to - begin) > 4)
				onRange(under(Math.min(begin, to)).at, under(Math.max(begin, to)).at + data.step);
			else
				chosen.setAttribute("width", 0);
		});
		picture.addEventListener("pointerleave", () => { tip.textContent = ""; });
	}

	return { element, show };
}
