// What scrolls sideways can be reached with Tab.
addEventListener("load", () => {
  document.querySelectorAll(".md-typeset__scrollwrap, pre > code").forEach((one) => { one.tabIndex = 0; });
});
