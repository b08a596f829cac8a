// Select2 draws its own boxes and forgets the labels; screen readers need them.
"use strict";

function nameBoxes() {
  for (const box of document.querySelectorAll(".select2-selection[role=combobox]:not([data-named])")) {
    const select = box.closest(".select2-container")?.previousElementSibling;
    const label = select?.id && document.querySelector(`label[for="${CSS.escape(select.id)}"]`);
    const name = label?.textContent.trim() || select?.title || select?.name;
    if (!name) continue;
    box.removeAttribute("aria-labelledby");
    box.setAttribute("aria-label", name);
    box.querySelector(".select2-selection__rendered")?.setAttribute("aria-label", name);
    box.querySelector(".select2-search__field")?.setAttribute("aria-label", name);
    box.dataset.named = "yes";
  }
}

addEventListener("load", () => {
  // The import and export buttons are a row of links, whatever the theme calls it.
  for (const tools of document.querySelectorAll("ul.object-tools")) tools.setAttribute("role", "presentation");
  nameBoxes();
  new MutationObserver(nameBoxes).observe(document.body, { childList: true, subtree: true });
});
