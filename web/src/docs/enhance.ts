import { send } from '@/api/request';

/** What makes a page of text usable: its pieces are added to the article after it is shown. */

/** Loads the pictures that are drawings from the server by a request: it does not serve them as what a browser would draw. */
export async function loadDrawings(root: ParentNode, signal: AbortSignal): Promise<void> {
  const images = [...root.querySelectorAll<HTMLImageElement>('img[src^="/api/techdocs/static/"]')];
  await Promise.all(
    images
      .filter((image) => /\.svg(?:[?#]|$)/i.test(image.getAttribute('src') ?? ''))
      .map(async (image) => {
        try {
          const drawing = await (await send(image.getAttribute('src') ?? '', { signal })).text();
          // As a picture, a drawing runs no scripts and loads nothing.
          if (!signal.aborted) image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(drawing)}`;
        } catch {
          // The text of the picture stays.
        }
      }),
  );
}

/** A button on each block of code that copies it, without the numbers of its lines. */
export function addCopyButtons(root: ParentNode): void {
  if (!navigator.clipboard) return;
  for (const code of root.querySelectorAll('pre > code')) {
    const block = code.parentElement;
    if (!block || block.classList.contains('mermaid') || block.querySelector('.copy')) continue;
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'copy';
    button.textContent = 'Copy';
    button.setAttribute('aria-label', 'Copy the code');
    button.addEventListener('click', () => copy(button, code.textContent ?? ''));
    const frame = block.closest('.highlight') ?? block;
    frame.classList.add('has-copy');
    frame.append(button);
  }
}

async function copy(button: HTMLButtonElement, text: string): Promise<void> {
  await navigator.clipboard.writeText(text.replace(/\n$/, ''));
  button.textContent = 'Copied';
  setTimeout(() => {
    button.textContent = 'Copy';
  }, 1500);
}

/** Code that is wider than the page is scrolled, also by the keyboard. */
export function makeScrollable(root: ParentNode): void {
  for (const block of root.querySelectorAll<HTMLElement>('pre, .arithmatex, .table')) {
    if (block.scrollWidth > block.clientWidth && !block.closest('.linenodiv')) block.tabIndex = 0;
  }
}

/** Tables are scrolled in a frame, so that the page is not. */
export function frameTables(root: ParentNode): void {
  for (const table of root.querySelectorAll('table:not(.highlighttable)')) {
    if (table.closest('.table, .highlighttable')) continue;
    const frame = document.createElement('div');
    frame.className = 'table';
    table.replaceWith(frame);
    frame.append(table);
  }
}

/** The boxes of lists of tasks are named by what is to be done. */
export function nameTasks(root: ParentNode): void {
  for (const box of root.querySelectorAll<HTMLInputElement>('li input[type="checkbox"]:not([aria-label])')) {
    box.setAttribute('aria-label', box.closest('li')?.textContent?.trim() || 'Task');
  }
}

const chosenTabsKey = 'portico.docs.tabs';
const mostTabs = 50;

/**
 * Chooses in each set of tabs the one that was chosen last anywhere, by its title, and has all sets follow a choice.
 */
export function linkTabs(root: ParentNode): void {
  const sets = [...root.querySelectorAll('.tabbed-set')].map(tabsOf);
  const choose = (title: string) => {
    for (const tabs of sets) {
      const input = tabs.find((tab) => tab.title === title)?.input;
      if (input) input.checked = true;
    }
  };
  for (const title of chosenTabs().toReversed()) choose(title);
  for (const { input, title } of sets.flat()) {
    input.addEventListener('change', () => {
      const top = input.getBoundingClientRect().top;
      choose(title);
      remember(title);
      // Sets above this one may have become higher: what was clicked stays under the pointer.
      window.scrollBy(0, input.getBoundingClientRect().top - top);
    });
  }
}

function tabsOf(set: Element): { input: HTMLInputElement; title: string }[] {
  const inputs = [...set.querySelectorAll<HTMLInputElement>(':scope > input[type="radio"]')];
  const labels = [...set.querySelectorAll<HTMLLabelElement>(':scope > label, :scope > .tabbed-labels > label')];
  return inputs.map((input, index) => {
    const title = labels[index]?.textContent?.trim() ?? '';
    input.setAttribute('aria-label', title);
    return { input, title };
  });
}

/** The titles of chosen tabs, the latest first. */
function chosenTabs(): string[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(chosenTabsKey) ?? '[]');
    return Array.isArray(stored) ? stored.filter((title) => typeof title === 'string') : [];
  } catch {
    return [];
  }
}

function remember(title: string): void {
  const titles = [title, ...chosenTabs().filter((other) => other !== title)].slice(0, mostTabs);
  localStorage.setItem(chosenTabsKey, JSON.stringify(titles));
}

/** Draws the diagrams of a page. The text of one that has a mistake stays, with what is wrong. */
export async function drawDiagrams(root: ParentNode, isDark: boolean, signal: AbortSignal): Promise<void> {
  const blocks = [...root.querySelectorAll<HTMLElement>('pre.mermaid, div.mermaid, pre:has(> code.language-mermaid)')];
  if (blocks.length === 0) return;
  const { drawDiagram } = await import('./diagram');
  for (const block of blocks) {
    if (signal.aborted) return;
    await drawDiagram(block, isDark);
  }
}

/** Sets the formulas of a page, which are marked as arithmatex does. */
export async function setFormulas(root: ShadowRoot, signal: AbortSignal): Promise<void> {
  const formulas = [...root.querySelectorAll<HTMLElement>('.arithmatex')];
  if (formulas.length === 0) return;
  const { setFormula, styles } = await import('./formula');
  if (signal.aborted) return;
  // The letters are declared for the document, because a shadow root cannot declare any.
  for (const tree of [root, document]) {
    if (!tree.adoptedStyleSheets.includes(styles)) tree.adoptedStyleSheets = [...tree.adoptedStyleSheets, styles];
  }
  for (const formula of formulas) setFormula(formula);
}
