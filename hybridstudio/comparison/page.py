"""The frame and the look of a report: one page, its style within, nothing fetched."""

from __future__ import annotations

from string import Template

PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>$style</style>
</head>
<body>
<header><h1>Comparison</h1><ul class="legend">$legend</ul></header>
<main>$body</main>
<footer>$foot</footer>
</body>
</html>
""")

STYLE = Template("""
:root{--ground:#f5f5f6;--card:#fff;--text:#1c1e22;--muted:#5d626b;--line:#d4d6db;--hover:#f0f1f3}
$light
@media (prefers-color-scheme:dark){
:root{--ground:#1d1e21;--card:#27292d;--text:#e7e8eb;--muted:#a0a5ae;--line:#3a3d43;--hover:#2d2f34}
$dark
}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--text);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;
font-variant-numeric:tabular-nums}
header,main,footer{max-width:1360px;margin:0 auto;padding:0 32px}
header{padding-top:32px}
h1{font-size:26px;margin:0 0 12px}
h2{font-size:18px;margin:40px 0 8px}
p{margin:4px 0 12px;color:var(--muted);max-width:75ch}
small{color:var(--muted);font-size:13px}
.legend,.labels{list-style:none;margin:0;padding:0}
.legend{display:flex;flex-wrap:wrap;gap:4px 32px}
.legend li{max-width:420px}
.legend small{display:block;padding-left:18px}
.dot{display:inline-block;width:10px;height:10px;border-radius:50%;margin-right:8px}
.wide{overflow-x:auto;border:1px solid var(--line);border-radius:6px;background:var(--card)}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:6px 16px;border-top:1px solid var(--line)}
thead th{border-top:0;white-space:nowrap}
tbody th{font-weight:400;color:var(--muted);white-space:nowrap}
tbody tr:hover{background:var(--hover)}
code,pre{font:13px/1.5 ui-monospace,"Cascadia Mono",Menlo,Consolas,monospace}
pre{background:var(--card);border:1px solid var(--line);border-radius:6px;padding:10px 14px;
margin:0 0 16px;white-space:pre-wrap;overflow-wrap:anywhere}
.scores td small{display:block}
.usual,.missing,.unfair{color:var(--muted)}
.labels{margin:12px 0;font-size:14px}
.labels em{color:var(--muted)}
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,520px),1fr));
gap:24px 32px;margin-top:16px}
.sheets{display:flex;flex-wrap:wrap;gap:24px 32px}
figure{margin:0;min-width:0}
figcaption{margin-bottom:6px}
svg{width:100%;height:auto;display:block}
svg text{fill:var(--muted);font-family:inherit}
svg .name,svg .value{fill:var(--text)}
svg .grid{stroke:var(--line)}
svg .floor,svg .ceiling{stroke:var(--muted)}
img{image-rendering:pixelated;display:block;max-width:100%}
.sheets p{font-size:13px;margin-top:6px}
input[type=radio]{accent-color:#2f5fc4;margin:0 6px 0 0}
label{margin-right:20px}
.by-time{display:none}
#by-time:checked~.plots .by-time{display:block}
#by-time:checked~.plots .by-steps{display:none}
footer{padding:40px 32px;color:var(--muted);font-size:13px}
@media print{.wide,pre{break-inside:avoid}figure{break-inside:avoid}}
@media (max-width:600px){header,main,footer{padding-left:16px;padding-right:16px}}
""")
