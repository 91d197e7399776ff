// A custom field as somebody else writes it: a custom element without a framework.
customElements.define(
  'acme-region-picker',
  class extends HTMLElement {
    #select = document.createElement('select');

    connectedCallback() {
      this.append(this.#select);
      this.#select.ariaLabel = this.label;
      this.#select.append(...['', ...this.options.regions].map((region) => new Option(region)));
      this.#select.addEventListener('change', () => {
        const detail = { value: this.#select.value || undefined };
        this.dispatchEvent(new CustomEvent('value-change', { detail }));
      });
    }

    set value(value) {
      this.#select.value = value ?? '';
    }
  },
);
