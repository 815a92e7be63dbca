import { card } from "./card.js";

export function list(parent, socks) {
  for (const sock of socks) parent.append(card(sock));
}
