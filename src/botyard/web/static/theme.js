// Runs before the first paint, so that a reader in the dark never sees a white flash.
{
  const chosen = localStorage.getItem("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const show = () => {
    const theme = localStorage.getItem("theme") ?? (dark.matches ? "dark" : "light");
    document.documentElement.dataset.bsTheme = theme;
  };
  show();
  if (chosen === null) dark.addEventListener("change", show);
}
