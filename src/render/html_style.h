/* The report's style sheet, and the hash by which its Content-Security-Policy allows it: of the
 * very bytes between <style> and </style> (tests/unit/render.c holds the two together, and says
 * the hash to put here when the sheet was changed). Private to this room. */
#ifndef RENDER_HTML_STYLE_H
#define RENDER_HTML_STYLE_H

#define HTML_STYLE_HASH "sha256-aaKbwn7kCkJrFeFHOVI3dYdxK6WPjTCa0dU3N0BRuBQ="

/* clang-format off */
#define HTML_STYLE \
	"\n" \
	":root{--page:#f6f8fa;--card:#fff;--ink:#1f2328;--dim:#59636e;--edge:#d1d9e0;--soft:#f6f8fa;\n" \
	"--failure:#cf222e;--warning:#9a6700;--ok:#1a7f37;--up:#0969da;--down:#0f766e;--life:#c3cad1;\n" \
	"--tint:#ffebe9;--tint-warn:#fff8c5;--on:#fff}\n" \
	"@media (prefers-color-scheme:dark){:root{--page:#0d1117;--card:#151b23;--ink:#e6edf3;--dim:#9198a1;\n" \
	"--edge:#30363d;--soft:#1c232c;--failure:#f85149;--warning:#d29922;--ok:#3fb950;--up:#58a6ff;\n" \
	"--down:#39c5bb;--life:#4b535d;--tint:#3a1a1d;--tint-warn:#332a12;--on:#0d1117}}\n" \
	"*{box-sizing:border-box}\n" \
	"body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 sans-serif}\n" \
	"main{display:flex;flex-direction:column;gap:16px;max-width:1040px;margin:0 auto;padding:24px 16px 48px}\n" \
	"h1{order:-2;font-size:26px;line-height:1.25;margin:8px 0 0;overflow-wrap:anywhere}\n" \
	"h3{font-size:15px;margin:22px 0 6px}\n" \
	"p{margin:8px 0}\n" \
	".sum{order:-1}\n" \
	".sum,.x{background:var(--card);border:1px solid var(--edge);border-radius:12px;padding:14px 20px}\n" \
	".x{border-left:5px solid var(--edge)}\n" \
	".x.failure{border-left-color:var(--failure)}\n" \
	".x.warning{border-left-color:var(--warning)}\n" \
	".x.ok{border-left-color:var(--ok)}\n" \
	".x[open]{padding-bottom:20px}\n" \
	"summary{cursor:pointer;overflow-wrap:anywhere}\n" \
	"summary:focus-visible,.scroll:focus-visible{outline:2px solid var(--up);outline-offset:3px}\n" \
	".what{font-weight:600;margin:0 8px}\n" \
	".when{color:var(--dim);font-size:14px;white-space:nowrap}\n" \
	".badge{display:inline-block;padding:1px 10px;border-radius:11px;background:var(--dim);color:var(--on);\n" \
	"font:600 13px/20px monospace;white-space:nowrap}\n" \
	".badge.failure{background:var(--failure)}\n" \
	".badge.warning{background:var(--warning)}\n" \
	".badge.ok{background:var(--ok)}\n" \
	".lead{font-size:17px;margin:14px 0;overflow-wrap:anywhere}\n" \
	"dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 18px;margin:14px 0;font-size:15px}\n" \
	"dt{color:var(--dim)}\n" \
	"dd{margin:0;overflow-wrap:anywhere}\n" \
	"ol,ul{margin:6px 0;padding-left:24px}\n" \
	"li{margin:3px 0;overflow-wrap:anywhere}\n" \
	".side{display:inline-block;min-width:68px;color:var(--dim);font-size:14px}\n" \
	".scroll{overflow-x:auto;max-width:100%}\n" \
	"table{border-collapse:collapse;font-size:15px}\n" \
	"th{text-align:left;font-weight:600;font-size:13px;color:var(--dim)}\n" \
	"th,td{padding:4px 18px 4px 0;border-bottom:1px solid var(--edge);vertical-align:top}\n" \
	"tr:last-child td{border-bottom:0}\n" \
	".n{font-family:monospace;font-size:14px;white-space:nowrap}\n" \
	".r{text-align:right;font-variant-numeric:tabular-nums}\n" \
	".bar{padding-top:9px}\n" \
	".bar-failure{fill:var(--failure)}\n" \
	".bar-warning{fill:var(--warning)}\n" \
	".bar-ok{fill:var(--ok)}\n" \
	".bar-unclear{fill:var(--dim)}\n" \
	".totals{display:flex;flex-wrap:wrap;gap:6px 28px;list-style:none;padding:0;font-size:15px;color:var(--dim)}\n" \
	".totals b{font-size:24px;color:var(--ink)}\n" \
	".totals .failure b{color:var(--failure)}\n" \
	".totals .warning b{color:var(--warning)}\n" \
	".totals .ok b{color:var(--ok)}\n" \
	".ladder{margin:20px 0 12px}\n" \
	".ladder svg{display:block}\n" \
	"code,pre{font-family:monospace;font-size:14px}\n" \
	"code{background:var(--soft);border:1px solid var(--edge);border-radius:5px;padding:1px 6px;overflow-wrap:anywhere}\n" \
	"pre{background:var(--soft);border:1px solid var(--edge);border-radius:8px;padding:10px 14px;margin:8px 0;line-height:1.45}\n" \
	".find,.heads{font-size:15px;margin-top:12px}\n" \
	".vl-page{fill:var(--card);stroke:var(--edge)}\n" \
	".vl-ink{fill:var(--ink)}\n" \
	".vl-dim{fill:var(--dim)}\n" \
	".vl-on{fill:var(--on)}\n" \
	".vl-life{stroke:var(--life)}\n" \
	".vl-box,.vl-gap{fill:var(--soft);stroke:var(--life)}\n" \
	".vl-up{stroke:var(--up)}\n" \
	".vl-up-fill{fill:var(--up)}\n" \
	".vl-down{stroke:var(--down)}\n" \
	".vl-down-fill{fill:var(--down)}\n" \
	".vl-bad{stroke:var(--failure)}\n" \
	".vl-bad-fill{fill:var(--failure)}\n" \
	".vl-warn{stroke:var(--warning)}\n" \
	".vl-warn-fill{fill:var(--warning)}\n" \
	".vl-good{stroke:var(--ok)}\n" \
	".vl-good-fill{fill:var(--ok)}\n" \
	".vl-tint{fill:var(--tint)}\n" \
	".vl-tint-warn{fill:var(--tint-warn)}\n" \
	".vl-gap-bad{fill:var(--tint);stroke:var(--failure)}\n" \
	"@media (max-width:600px){main{padding:12px 8px 32px}.sum,.x{padding:12px}dl{grid-template-columns:1fr;gap:0}\n" \
	"dd{margin-bottom:6px}.when{white-space:normal}.what{margin:0 4px}}\n" \
	"@media print{body{background:none;font-size:11pt}main{display:block;max-width:none;padding:0}\n" \
	".sum,.x{break-inside:auto;border-color:#bbb;margin:0 0 12pt}h3,tr,li{break-inside:avoid;break-after:auto}\n" \
	"h3{break-after:avoid}.scroll{overflow:visible}.ladder svg{max-width:100%;height:auto;break-inside:avoid}\n" \
	"pre{white-space:pre-wrap}details::details-content{content-visibility:visible;display:block}\n" \
	".badge,rect{print-color-adjust:exact;-webkit-print-color-adjust:exact}}\n"
/* clang-format on */

#endif
