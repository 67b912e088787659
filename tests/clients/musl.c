/* A client as images for containers hold it: linked statically with musl, whose resolver asks all servers at once from one socket.
 *
 * musl NAME PORT: resolves, connects, asks for "/", and prints the peer that it sees and the beginning of the answer. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found;
	if (argc != 3) return 2;
	int error = getaddrinfo(argv[1], argv[2], &hints, &found);
	if (error) {
		printf("%s\n", gai_strerror(error));
		return 1;
	}
	int s = socket(found->ai_family, found->ai_socktype, 0);
	if (s < 0 || connect(s, found->ai_addr, found->ai_addrlen)) {
		perror("connect");
		return 1;
	}
	struct sockaddr_in peer;
	socklen_t length = sizeof peer;
	if (getpeername(s, (struct sockaddr *)&peer, &length)) return 1;
	dprintf(s, "GET / HTTP/1.1\r\nhost: %s\r\nconnection: close\r\n\r\n", argv[1]);
	char answer[13] = {0};
	size_t have = 0;
	ssize_t more;
	while (have < 12 && (more = read(s, answer + have, 12 - have)) > 0) have += more;
	printf("%s:%d %s\n", inet_ntoa(peer.sin_addr), ntohs(peer.sin_port), answer);
	return 0;
}
