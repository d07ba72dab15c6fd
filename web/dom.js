// Elements without markup: whatever is shown goes in as text, so that no text is ever run.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, properties, children) {
	for (const [name, value] of Object.entries(properties ?? {})) {
		if (value === undefined || value === null || value === false)
			continue;
		if (name.startsWith("on"))
			node.addEventListener(name.slice(2), value);
		else
			node.setAttribute(name, value === true ? "" : String(value));
	}
	for (const child of children.flat(Infinity))
		if (child !== undefined && child !== null && child !== false)
			node.append(child instanceof Node ? child : String(child));
	return node;
}

export const h = (tag, properties, ...children) =>
	fill(document.createElement(tag), properties, children);

export const s = (tag, properties, ...children) =>
	fill(document.createElementNS(SVG, tag), properties, children);

export function replace(node, ...children) {
	node.replaceChildren(...children.flat(Infinity).filter((child) => child));
	return node;
}

// What changes without a key being pressed is said to who can't see it.
export function announce(text) {
	document.getElementById("live").textContent = text;
}

let ids = 0;
export const newId = (word) => `${word}-${++ids}`;

// A severity has a shape as well as a colour: a disc, a triangle, an octagon, a diamond.
const SHAPES = {
	ok: ["M8 1a7 7 0 1 1 0 14a7 7 0 0 1 0-14z", "M4.800 8.200l2.300 2.300l4.200-4.700"],
	warning: ["M8 1.200L15.300 14.400H0.700z", "M8 6v4M8 12v0.600"],
	failure: ["M5 1h6l4 4v6l-4 4H5l-4-4V5z", "M5.400 5.400l5.200 5.200M10.600 5.400l-5.200 5.200"],
	unclear: ["M8 0.800L15.200 8L8 15.200L0.800 8z", "M8 5v3.800M8 10.800v0.500"],
};

export function shape(severity, label) {
	const [outline, inside] = SHAPES[severity] ?? SHAPES.unclear;
	return s("svg", {
		class: `shape ${severity}`, viewBox: "0 0 16 16", width: 16, height: 16,
		role: label ? "img" : undefined, "aria-label": label, "aria-hidden": label ? undefined : "true",
	}, s("path", { class: "outline", d: outline }), s("path", { class: "inside", d: inside }));
}

// A "clear" disc would say that nothing is wrong; what is not known is a diamond.
export const severityOf = (record) =>
	record.verdict === "unclear" ? "unclear" : record.severity ?? "unclear";
