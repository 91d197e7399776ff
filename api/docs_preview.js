// Shows the page anew when the site was made anew, and what is wrong with it.
(() => {
  let shown;
  const bar = document.createElement("pre");
  bar.style.cssText =
    "position:fixed;inset:auto 0 0 0;max-height:40vh;overflow:auto;margin:0;padding:.5rem 1rem;background:#fff4ce;color:#3b2e00;border-top:2px solid #c98f00;font:13px monospace;white-space:pre-wrap;z-index:9999";
  new EventSource("/.portico/changes").onmessage = (message) => {
    const { version, problems } = JSON.parse(message.data);
    if (shown !== undefined && version !== shown) {
      location.reload();
    }
    shown = version;
    if (problems?.length > 0) {
      bar.textContent = problems.join("\n");
      document.body.append(bar);
    }
  };
})();
