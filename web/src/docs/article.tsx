import { useEffect, useLayoutEffect, useRef } from 'react';
import { useIsDark } from '@/ui/is-dark';
import articleStyles from './article.css?inline';
import {
  addCopyButtons,
  drawDiagrams,
  frameTables,
  linkTabs,
  loadDrawings,
  makeScrollable,
  nameTasks,
  setFormulas,
} from './enhance';

interface ArticleProps {
  /** Sanitized, with resolved addresses. */
  article: HTMLElement;
  /** The place in the article that the address of the page names. */
  hash: string;
  /** Called for a plain click on a link to a page of the portal. */
  onFollow: (address: string) => void;
  /** Called when the pointer is on a link to a page of the portal. */
  onNear: (address: string) => void;
  onSelect: (selected: Selected | undefined) => void;
}

/** A text that somebody selected, and where it is in the window. */
export interface Selected {
  text: string;
  left: number;
  bottom: number;
}

/**
 * An article in a shadow root, so that its styles and names are its own, and those of the portal do not touch it.
 */
export function Article({ article, hash, onFollow, onNear, onSelect }: ArticleProps) {
  const host = useRef<HTMLDivElement>(null);
  const isDark = useIsDark();

  useLayoutEffect(() => {
    const root = host.current && rootOf(host.current);
    if (!root) return;
    const leaving = new AbortController();
    const shown = document.createElement('article');
    shown.append(...document.importNode(article, true).childNodes);
    root.replaceChildren(shown);
    frameTables(shown);
    addCopyButtons(shown);
    linkTabs(shown);
    nameTasks(shown);
    makeScrollable(shown);
    loadDrawings(shown, leaving.signal);
    setFormulas(root, leaving.signal).catch(() => undefined);
    return () => leaving.abort();
  }, [article]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the diagrams of another article are others
  useEffect(() => {
    const root = host.current?.shadowRoot;
    if (!root) return;
    const leaving = new AbortController();
    // A diagram is drawn again in the other theme.
    for (const drawn of root.querySelectorAll<HTMLElement>('.diagram')) drawn.replaceWith(undrawn(drawn));
    drawDiagrams(root, isDark, leaving.signal).catch(() => undefined);
    return () => leaving.abort();
  }, [article, isDark]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another article may have the same place
  useEffect(() => {
    if (hash) scrollTo(host.current?.shadowRoot ?? null, hash);
  }, [article, hash]);

  useEffect(() => {
    const root = host.current?.shadowRoot;
    if (!root) return;
    const listening = new AbortController();
    const { signal } = listening;
    root.addEventListener(
      'click',
      (event) => {
        const address = event instanceof MouseEvent && isPlain(event) ? addressAt(event.target) : undefined;
        if (address === undefined) return;
        event.preventDefault();
        if (address.startsWith('#')) scrollTo(root, address.slice(1));
        onFollow(address);
      },
      { signal },
    );
    root.addEventListener(
      'pointerover',
      (event) => {
        const address = addressAt(event.target);
        if (address && !address.startsWith('#')) onNear(address);
      },
      { signal },
    );
    const look = () => onSelect(selectedIn(root));
    document.addEventListener('pointerup', look, { signal });
    document.addEventListener('keyup', look, { signal });
    return () => listening.abort();
  }, [onFollow, onNear, onSelect]);

  return <div ref={host} data-testid="article" className="min-w-0" />;
}

function rootOf(host: HTMLElement): ShadowRoot {
  if (host.shadowRoot) return host.shadowRoot;
  const root = host.attachShadow({ mode: 'open' });
  const styles = new CSSStyleSheet();
  styles.replaceSync(articleStyles);
  root.adoptedStyleSheets = [styles];
  return root;
}

function undrawn({ dataset: { text = '' } }: HTMLElement): HTMLElement {
  const block = document.createElement('pre');
  block.className = 'mermaid';
  block.textContent = text;
  return block;
}

/** The address of the link at which something happened, if it leads to this page or another one of the portal. */
function addressAt(target: EventTarget | null): string | undefined {
  const link = target instanceof Element ? target.closest('a[href]') : null;
  const href = link?.getAttribute('href');
  if (!href || link?.hasAttribute('target') || link?.hasAttribute('download')) return undefined;
  return href.startsWith('#') || href.startsWith('/') ? href : undefined;
}

/** Whether a click is one that browsers open in place. */
export function isPlain(event: MouseEvent | React.MouseEvent): boolean {
  return event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
}

function scrollTo(root: ShadowRoot | null, hash: string): void {
  let id = hash;
  try {
    id = decodeURIComponent(hash);
  } catch {
    // A percent sign that escapes nothing.
  }
  const target = root?.getElementById(id) ?? root?.getElementById(hash);
  if (!target) return;
  for (let element: Element | null = target; element; element = element.parentElement) {
    if (element instanceof HTMLDetailsElement) element.open = true;
  }
  if (target instanceof HTMLInputElement) target.click();
  target.scrollIntoView({ block: 'start' });
}

function selectedIn(root: ShadowRoot): Selected | undefined {
  // Chromium and Safari have the selection of a shadow root at the root, Firefox at the document.
  const own = root as ShadowRoot & { getSelection?: () => Selection | null };
  const selection = own.getSelection?.() ?? document.getSelection();
  const text = selection?.toString().trim();
  if (!selection || !text || selection.rangeCount === 0) return undefined;
  const range = selection.getRangeAt(0);
  if (!root.contains(range.commonAncestorContainer) && range.commonAncestorContainer !== root) return undefined;
  const { left, bottom } = range.getBoundingClientRect();
  return { text, left, bottom };
}
