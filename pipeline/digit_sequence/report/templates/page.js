"use strict";
// What a mark of a plot stands for, beside the pointer; tables say the same to those without one.
const tip = document.getElementById("tip");
document.addEventListener("pointermove", (event) => {
  const mark = event.target.closest("[role='graphics-symbol']:not([aria-roledescription='axis'])");
  tip.hidden = !(mark && mark.closest(".plot"));
  if (tip.hidden) return;
  tip.textContent = mark.getAttribute("aria-label");
  const left = Math.min(event.clientX + 12, window.innerWidth - tip.offsetWidth - 8);
  tip.style.transform = `translate(${left}px, ${event.clientY + 16}px)`;
});
