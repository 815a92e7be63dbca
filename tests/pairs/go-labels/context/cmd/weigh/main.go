// weigh is a plug-in: it prints the weight of so many socks.
package main

import (
	"fmt"
	"os"
	"strconv"
)

func main() {
	count, err := strconv.Atoi(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	fmt.Printf("%d g\n", 45*count)
}
