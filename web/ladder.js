// The ladder comes as SVG. What is put into the page is drawn anew from it: known elements with known
// attributes, texts as text. So whatever got into it, it is shown and never run.
import { s } from "./dom.js";

const ELEMENTS = new Set(["svg", "g", "rect", "line", "path", "text", "tspan", "circle", "polygon",
	"polyline", "title", "desc"]);
const ATTRIBUTES = new Set(["x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "rx", "ry", "width", "height",
	"d", "points", "fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap",
	"stroke-linejoin", "font-family", "font-size", "font-weight", "text-anchor", "viewBox", "class",
	"opacity", "fill-opacity", "transform", "id", "role", "aria-labelledby"]);

function copy(from) {
	const to = s(from.localName);
	for (const { name, value } of from.attributes)
		if (ATTRIBUTES.has(name) && !/url\s*\(/i.test(value))
			to.setAttribute(name, value);
	for (const child of from.childNodes)
		if (child.nodeType === Node.TEXT_NODE)
			to.append(child.data);
		else if (child.nodeType === Node.ELEMENT_NODE && ELEMENTS.has(child.localName))
			to.append(copy(child));
	return to;
}

export const draw = (root) => copy(root);
