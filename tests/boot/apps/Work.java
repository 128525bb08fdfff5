// SPDX-License-Identifier: MIT
// What HotSpot compiles, and what makes it compile again; prints what came out.
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.*;
import java.util.concurrent.*;
import java.util.regex.*;
import java.util.stream.*;

public class Work {
	interface Shape { double area(); }
	record Square(double side) implements Shape {
		public double area() { return side * side; }
	}
	record Circle(double radius) implements Shape {
		public double area() { return 3 * radius * radius; }
	}
	record Strip(double length) implements Shape {
		public double area() { return length / 7; }
	}

	static long sort() {
		long seed = 7, hash = 0;
		long[] numbers = new long[40000];
		for (int i = 0; i < numbers.length; i++)
			numbers[i] = seed = seed * 6364136223846793005L + 1442695040888963407L;
		Arrays.sort(numbers);
		for (long n : numbers)
			hash = hash * 31 + n;
		return hash;
	}

	// One receiver, then two, then three: inlined calls are undone.
	static double shapes() {
		double sum = 0;
		for (int kinds = 1; kinds <= 3; kinds++)
			for (int i = 0; i < 60000; i++) {
				Shape s = switch (i % kinds) {
				case 0 -> new Square(i % 100);
				case 1 -> new Circle(i % 50);
				default -> new Strip(i);
				};
				sum += s.area();
			}
		return sum;
	}

	static String digest(String text) throws Exception {
		byte[] sum = MessageDigest.getInstance("SHA-256").digest(
			text.getBytes(StandardCharsets.UTF_8));
		return HexFormat.of().formatHex(sum);
	}

	static int caught() {
		int count = 0;
		Object[] things = {"a", 1, null, new int[1]};
		for (int i = 0; i < 20000; i++)
			try {
				count += ((String)things[i % 4]).length();
			} catch (ClassCastException | NullPointerException e) {
				count += 2;
			}
		return count;
	}

	public static void main(String[] args) throws Exception {
		System.out.println("sort " + sort());
		System.out.printf("shapes %.4f%n", shapes());
		StringBuilder text = new StringBuilder();
		for (int i = 0; i < 20000; i++)
			text.append("k").append(i).append('=').append(i * 31 % 1009).append(';');
		System.out.println("sha256 " + digest(text.toString()));
		Matcher m = Pattern.compile("k(\\d*7)=(\\d+);").matcher(text);
		long found = 0;
		while (m.find())
			found += Long.parseLong(m.group(2));
		System.out.println("regex " + found);
		System.out.println("streams " + IntStream.range(0, 50000).boxed().collect(
			Collectors.groupingBy(i -> i % 7, TreeMap::new, Collectors.summingInt(i -> i % 13))));
		System.out.println("caught " + caught());
		ExecutorService pool = Executors.newFixedThreadPool(4);
		List<Future<Long>> parts = new ArrayList<>();
		for (int t = 0; t < 4; t++) {
			final int from = t * 25000;
			parts.add(pool.submit(() -> LongStream.range(from, from + 25000).map(n -> n * n % 97).sum()));
		}
		long sum = 0;
		for (Future<Long> part : parts)
			sum += part.get();
		pool.shutdown();
		System.out.println("threads " + sum);
	}
}
