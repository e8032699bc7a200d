/* Controls that the theme draws as plain text become reachable by keyboard and say what they are. */
(function () {
  const names = {dock_to_right: "Show or hide the navigation", close: "Close the navigation", unfold_more: "Account", filter_list: "Filters", search: "Search"};
  const selector = "span[x-on\\:click], div[x-on\\:click]:not(#changelist-filter-close), a[x-on\\:click]:not([href])";

  function mend(root) {
    for (const element of root.querySelectorAll(selector)) {
      if (element.hasAttribute("tabindex") || element.closest("[data-mended]")) continue;
      const icon = element.textContent.trim().split(/\s+/).pop();
      element.setAttribute("role", "button");
      element.setAttribute("tabindex", "0");
      element.dataset.mended = "1";
      // Where a text stands beside the icon, the text is the name: another one would be heard and not seen.
      const isBare = element.textContent.trim() === icon;
      if (names[icon] && !element.hasAttribute("aria-label")) element.setAttribute(isBare ? "aria-label" : "title", names[icon]);
    }
    for (const button of root.querySelectorAll("button:not([aria-label])")) {
      const icon = button.querySelector(".material-symbols-outlined");
      const text = button.textContent.trim();
      if (icon && text === icon.textContent.trim()) button.setAttribute("aria-label", names[text] || text.replace(/_/g, " "));
    }
    for (const field of root.querySelectorAll("#searchbar:not([aria-label])")) field.setAttribute("aria-label", field.placeholder);
    for (const icon of root.querySelectorAll(".material-symbols-outlined:not([role])")) icon.setAttribute("aria-hidden", "true");
  }

  // The theme writes a chosen file's name into the first text field it finds nearby, which is no business of ours.
  document.addEventListener("change", function (event) {
    if (event.target.matches("input[type=file].cdp-input")) event.stopPropagation();
  }, true);
  document.addEventListener("keydown", function (event) {
    if ((event.key === "Enter" || event.key === " ") && event.target.dataset && event.target.dataset.mended) {
      event.preventDefault();
      event.target.click();
    }
  });
  document.addEventListener("keydown", function (event) {
    if (event.key !== "Escape") return;
    const close = document.querySelector('#nav-sidebar [aria-label="Close the navigation"]');
    if (close && close.offsetParent && document.getElementById("nav-sidebar").getBoundingClientRect().width) close.click();
  });
  document.addEventListener("DOMContentLoaded", function () { mend(document); });
  document.addEventListener("htmx:load", function (event) { if (event.target.querySelectorAll) mend(event.target); });

  /* A reload of part of the page must not close what somebody has just opened. */
  document.addEventListener("htmx:beforeSwap", function (event) {
    const target = event.detail.target;
    if (target.id === "dashboard" && target.contains(document.activeElement)) event.detail.shouldSwap = false;
  });
})();
