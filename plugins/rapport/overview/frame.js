// Airflow shows the page in a frame that may not lead its window anywhere: what is Airflow's own
// is opened by telling its router.
addEventListener("click", (event) => {
  const link = event.target.closest("a.airflow");
  if (!link || parent === window || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  parent.history.pushState(null, "", link.href);
  parent.dispatchEvent(new PopStateEvent("popstate", { state: null }));
});
