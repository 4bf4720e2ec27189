# Certificates for tests, in the working directory; what openssl says is in openssl.err.
#
# authority NAME; certificate AUTHORITY NAME SUBJECT [EXTENSION…]: NAME.pem and NAME.key, good for ${days:-2} days
authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$1" \
        -keyout "$1.key" -out "$1.pem" 2>>openssl.err
    chmod 600 "$1.key"
}
certificate() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "$3" -keyout "$2.key" -out "$2.csr" 2>>openssl.err
    printf '%s\n' "${@:4}" >"$2.ext"
    openssl x509 -req -in "$2.csr" -CA "$1.pem" -CAkey "$1.key" -CAcreateserial -days "${days:-2}" -extfile "$2.ext" \
        -out "$2.pem" 2>>openssl.err
    chmod 600 "$2.key"
}
