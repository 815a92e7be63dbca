export function card(sock) {
  const element = document.createElement("article");
  element.textContent = `${sock.name}: ${sock.price}`;
  return element;
}
