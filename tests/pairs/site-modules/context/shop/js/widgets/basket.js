export function open() {
  document.body.insertAdjacentHTML("beforeend", "<aside>Your basket is empty</aside>");
}
