/**
 * What an author may put into documentation to take over its reader: pages as a generator that keeps raw HTML would write them.
 * Each payload would set window.pwned.
 */
const act = (id: string) => `top.pwned='${id}'`;

const html = [
  `<script>${act('script')}</script>`,
  `<img src=x onerror="${act('onerror')}">`,
  `<img src=x OnErRoR=${act('case')}>`,
  `<svg onload="${act('svg onload')}"><circle r=1></svg>`,
  `<svg><script>${act('svg script')}</script></svg>`,
  `<svg><style><img src=x onerror="${act('svg style')}"></style></svg>`,
  `<svg><a xlink:href="javascript:${act('xlink')}"><text y=20>xlink</text></a></svg>`,
  `<svg><a><animate attributeName="href" values="javascript:${act('animate')}" /><text y=20>animate</text></a></svg>`,
  `<svg><use href="data:image/svg+xml,<svg id=x xmlns='http://www.w3.org/2000/svg'><script>${act('use')}</script></svg>#x" /></svg>`,
  `<svg><foreignObject><iframe srcdoc="<script>${act('foreign')}</script>"></iframe></foreignObject></svg>`,
  `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=${act('math')}&gt;">`,
  `<math><maction actiontype="statusline#" xlink:href="javascript:${act('maction')}">maction</maction></math>`,
  `<noscript><p title="</noscript><img src=x onerror=${act('noscript')}>"></noscript>`,
  `<template><img src=x onerror="${act('template')}"></template>`,
  `<iframe src="javascript:${act('iframe')}"></iframe>`,
  `<iframe srcdoc="<script>${act('srcdoc')}</script>"></iframe>`,
  `<object data="javascript:${act('object')}"></object><embed src="javascript:${act('embed')}">`,
  `<details open ontoggle="${act('ontoggle')}"><summary>details</summary></details>`,
  `<input autofocus onfocus="${act('onfocus')}">`,
  `<form action="javascript:${act('form')}"><button>form</button></form>`,
  `<button form=x formaction="javascript:${act('formaction')}">formaction</button>`,
  `<video><source onerror="${act('source')}"></video><audio src=x onerror="${act('audio')}"></audio>`,
  `<marquee onstart="${act('marquee')}">marquee</marquee>`,
  `<div style="animation-name:x" onanimationstart="${act('animation')}"></div>`,
  `<style>@keyframes x{} * { display: none !important }</style>`,
  `<link rel=stylesheet href="data:text/css,*{display:none !important}">`,
  `<base href="https://evil.example/">`,
  `<meta http-equiv="refresh" content="60;url=javascript:${act('meta')}">`,
  `<a href="javascript:${act('javascript')}">javascript</a>`,
  `<a href=" \u0001java\tscript:${act('whitespace')}">whitespace</a>`,
  `<a href="&#106;avascript&colon;${act('entities')}">entities</a>`,
  `<a href="JaVaScRiPt:${act('mixed')}">mixed</a>`,
  `<a href="data:text/html,<script>${act('data')}</script>">data</a>`,
  `<a href="vbscript:${act('vbscript')}">vbscript</a>`,
  `<a href="#x" onclick="${act('onclick')}">onclick</a>`,
  `<area href="javascript:${act('area')}">`,
  `<p id="location">clobbered</p><a id="pwned" name="defaultView" href="cid:x">clobber</a>`,
  `<x-evil onclick="${act('custom')}"></x-evil>`,
  `<p popover onbeforetoggle="${act('popover')}">popover</p>`,
  `<div style="position:fixed;inset:0;z-index:9999;background:red" id="cover">cover</div>`,
];

const diagrams = [
  `graph TD\n  A["<img src=x onerror=${act('mermaid label')}>"] --> B`,
  `graph TD\n  A --> B\n  click A href "javascript:${act('mermaid href')}"`,
  `graph TD\n  A --> B\n  click A call eval("${act('mermaid call')}")`,
  `%%{init: {"securityLevel": "loose", "htmlLabels": true, "flowchart": {"htmlLabels": true}}}%%\ngraph TD\n  A["<iframe srcdoc='<script>${act('mermaid init')}</script>'></iframe>"]`,
  `%%{init: {"themeCSS": "*{} </style><img src=x onerror=${act('mermaid css')}>"}}%%\ngraph TD\n  A --> B`,
  `sequenceDiagram\n  A->>B: <svg onload=${act('sequence')}>`,
];

const formulas = [
  `\\href{javascript:${act('href')}}{x}`,
  `\\url{javascript:${act('url')}}`,
  `\\htmlData{x=1}{\\htmlStyle{position:fixed}{x}}`,
  `\\includegraphics{javascript:${act('graphics')}}`,
  `\\text{<img src=x onerror=${act('text')}>}`,
  `\\def\\x{\\x\\x}\\x`,
];

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

function framed(article: string): string {
  return `<!doctype html><html><head><title>Hostile</title></head><body onload="${act('body')}">
<div class="md-container"><nav class="md-nav md-nav--primary"><ul class="md-nav__list"><li class="md-nav__item">
<a class="md-nav__link md-nav__link--active" href="javascript:${act('nav')}"><span class="md-ellipsis">&lt;img src=x onerror=${act('nav title')}&gt;</span></a>
</li></ul></nav>
<div class="md-content"><article class="md-content__inner md-typeset">
<a href="javascript:${act('edit')}" title="Edit this page" class="md-content__button md-icon">edit</a>
<h1 id="hostile">Hostile</h1>${article}</article></div></div></body></html>`;
}

/** Those that hide nothing after them. */
const closed = html.filter((payload) => !payload.includes('<!--') && !/<(?:template|noscript|style)/.test(payload));

/** The files of a site with hostile pages, by their paths. */
export const hostileSite: Record<string, string> = {
  'index.html': framed(closed.map((payload) => `<div>${payload}</div>`).join('\n')),
  // Each by itself, so that one that is left open does not hide the next.
  ...Object.fromEntries(html.map((payload, index) => [`one/${index}/index.html`, framed(`${payload}<p>The end</p>`)])),
  'bare/index.html': `<html><h1>Bare</h1>${closed.join('')}</html>`,
  'diagrams/index.html': framed(
    diagrams.map((text) => `<pre class="mermaid"><code>${escaped(text)}</code></pre>`).join('\n'),
  ),
  'formulas/index.html': framed(
    formulas.map((text) => `<div class="arithmatex">\\[${escaped(text)}\\]</div>`).join('\n'),
  ),
  'pictures/index.html': framed(
    '<img src="../drawing.svg" alt="A drawing"><h2 id="links">Links</h2><h2 id="forms">Forms</h2>',
  ),
  'moved/index.html':
    '<html><head><meta http-equiv="refresh" content="0; url=../pictures/"></head><body></body></html>',
  'away/index.html': `<html><head><meta http-equiv="refresh" content="0; url=javascript:${act('refresh')}"></head><body></body></html>`,
  'drawing.svg': `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40" onload="${act('drawing')}"><script>${act('drawing script')}</script><rect width="40" height="40"/></svg>`,
  'search/search_index.json': JSON.stringify({
    docs: [
      {
        location: `javascript:${act('location')}`,
        title: `<img src=x onerror=${act('index title')}>`,
        text: `<svg onload=${act('index')}>`,
      },
    ],
  }),
  'techdocs_metadata.json': JSON.stringify({
    site_name: `<img src=x onerror=${act('site name')}>`,
    site_description: 'None',
    build_timestamp: 1700000000000,
  }),
};

export const hostilePages = html.map((_, index) => `one/${index}/`);
