// Where one talks: Enter sends, the field is emptied once the message has arrived.

on("keydown", "textarea[data-enter-sends]", (field, event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  const busy = field.form.classList.contains("htmx-request"); // the same message twice is nobody's wish
  if (field.value.trim() && !busy) field.form.requestSubmit();
});

document.addEventListener("said", (event) => {
  const form = event.target.closest?.("form[data-clears]");
  if (!form) return;
  form.querySelector(".form-error")?.replaceChildren();
  const field = form.querySelector("textarea");
  field.value = "";
  field.focus();
});

// --- ticking many ------------------------------------------------------------------------------------

on("change", "input[data-ticks]", (box) => {
  for (const each of box.form.querySelectorAll(`input[name="${box.dataset.ticks}"]`)) each.checked = box.checked;
});
on("change", "input[data-ticked]", (box) => {
  const all = box.form.querySelector("input[data-ticks]");
  const boxes = [...box.form.querySelectorAll("input[data-ticked]")];
  const ticked = boxes.filter((each) => each.checked).length;
  all.checked = ticked === boxes.length;
  all.indeterminate = ticked > 0 && ticked < boxes.length;
});
