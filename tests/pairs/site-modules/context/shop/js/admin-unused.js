// The old back office. Nobody loads it.
export const retired = true;
