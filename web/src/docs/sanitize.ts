import DOMPurify, { type Config } from 'dompurify';
import type { DocsSanitizer } from '@/api/types';

const protocols = ['callto', 'cid', 'ftp', 'ftps', 'http', 'https', 'mailto', 'matrix', 'sms', 'tel', 'xmpp'];

/**
 * The body of a site's page, without all that could run, load or imitate something: scripts, handlers, styles, forms, frames
 * of hosts that are not permitted. It belongs to a document that is not shown, so that nothing is loaded yet.
 */
export function sanitize(html: string, options: DocsSanitizer = {}): HTMLElement {
  const purifier = DOMPurify(window);
  const hosts = options.allowedIframeHosts ?? [];
  purifier.addHook('uponSanitizeElement', (node) => {
    if (node instanceof Element && node.localName === 'iframe' && !isAllowed(node.getAttribute('src'), hosts))
      node.remove();
  });
  const dom = purifier.sanitize(html, configOf(options, hosts)) as unknown as HTMLElement;
  return dom.querySelector('body') ?? dom;
}

function configOf(options: DocsSanitizer, hosts: readonly string[]): Config & { RETURN_DOM: true } {
  const { allowedCustomElementTagNameRegExp: tags, allowedCustomElementAttributeNameRegExp: attributes } = options;
  const allowed = [...protocols, ...(options.additionalAllowedURIProtocols ?? [])].map(escapeRegExp);
  return {
    WHOLE_DOCUMENT: true,
    RETURN_DOM: true,
    FORBID_TAGS: ['style', 'form', 'base', 'link', 'meta', 'dialog', 'template'],
    FORBID_ATTR: ['autofocus', 'popover', 'popovertarget', 'slot', 'part'],
    ADD_ATTR: ['dominant-baseline'],
    ...(hosts.length > 0 && { ADD_TAGS: ['iframe'], ADD_ATTR: ['dominant-baseline', 'allowfullscreen'] }),
    // Names that are also those of a document's members, such as the heading "Links". They shadow nothing here, because the
    // page is put into a shadow root, and forms are forbidden.
    SANITIZE_DOM: false,
    ALLOWED_URI_REGEXP: new RegExp(`^(?:(?:${allowed.join('|')}):|[^a-z]|[a-z+.\\-]+(?:[^a-z+.\\-:]|$))`, 'i'),
    CUSTOM_ELEMENT_HANDLING: {
      tagNameCheck: expressionOf(tags),
      attributeNameCheck: expressionOf(attributes),
      allowCustomizedBuiltInElements: false,
    },
  };
}

/** One that is invalid permits nothing. */
function expressionOf(source: string | undefined): RegExp | null {
  try {
    return source ? new RegExp(source) : null;
  } catch {
    return null;
  }
}

function isAllowed(src: string | null, hosts: readonly string[]): boolean {
  try {
    const { host, protocol } = new URL(src ?? '');
    return (protocol === 'https:' || protocol === 'http:') && hosts.includes(host);
  } catch {
    return false;
  }
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}

/** A drawing that a library made from the text of a page. Its styles are its own; text in it may be HTML. */
export function sanitizeDrawing(svg: string): DocumentFragment {
  return DOMPurify(window).sanitize(svg, {
    USE_PROFILES: { svg: true, svgFilters: true, html: true },
    ADD_TAGS: ['foreignobject', 'style'],
    ADD_ATTR: ['dominant-baseline'],
    FORBID_TAGS: ['form', 'iframe', 'a', 'img', 'image', 'use'],
    HTML_INTEGRATION_POINTS: { foreignobject: true },
    RETURN_DOM_FRAGMENT: true,
  });
}
