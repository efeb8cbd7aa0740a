// Package trial holds what the programs that try the product as its users do
// have in common: sample files, the comparison of two trees, and servers and
// clients run as processes.
package trial
