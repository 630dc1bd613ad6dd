// franz-go, unmodified, against the broker at $broker_address. Started by `run`.
//
// Without arguments: every case; with one, those whose names contain it.
// `member TOPIC GROUP PROTOCOL`: one member of a group, which may be killed (see groups.py).
package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

type namedCase struct {
	name string
	run  func()
}

func main() {
	if len(os.Args) == 5 && os.Args[1] == "member" {
		member(os.Args[2], os.Args[3], os.Args[4])
		return
	}
	passed, failed := 0, 0
	for _, one := range append(append(producingCases(), consumingCases()...), adminCases()...) {
		if len(os.Args) > 1 && !strings.Contains(one.name, os.Args[1]) {
			continue
		}
		began := time.Now()
		if err := attempt(one.run); err != nil {
			failed++
			fmt.Printf("FAILED  %s: %v\n", one.name, err)
		} else {
			passed++
			fmt.Printf("ok      %s (%.1f s)\n", one.name, time.Since(began).Seconds())
		}
	}
	fmt.Printf("franz_go: %d passed, %d failed\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}

// attempt turns what a case found into an error.
func attempt(run func()) (err error) {
	defer func() {
		if found := recover(); found != nil {
			err = fmt.Errorf("%v", found)
		}
	}()
	run()
	return nil
}
