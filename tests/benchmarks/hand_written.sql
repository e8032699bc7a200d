-- The yardstick of (d): what somebody would write who knew the twenty rules and the tables, in one pass.
SELECT p.id AS profile_id,
       coalesce(e.orders, 0) >= 1                                                       AS "buyers",
       coalesce(e.orders, 0) >= 3                                                       AS "frequent-buyers",
       coalesce(e.orders_30, 0) >= 1                                                    AS "recent-buyers",
       coalesce(e.revenue_90, 0) > 500                                                  AS "big-spenders",
       coalesce(e.revenue, 0) > 200                                                     AS "spenders-ever",
       coalesce(e.views_7, 0) > 3                                                       AS "browsing-week",
       coalesce(e.shoes_30, 0) >= 2                                                     AS "shoe-lovers",
       coalesce(e.books, 0) >= 2                                                        AS "book-lovers",
       coalesce(e.searches_14, 0) >= 1                                                  AS "searchers",
       coalesce(e.carts_7, 0) >= 1 AND coalesce(e.orders_7, 0) = 0                      AS "carts-open",
       coalesce(e.pages_30, 0) = 0 AND coalesce(e.orders, 0) >= 1                       AS "dormant",
       p.traits->>'country' = 'DE'                                                      AS "germans",
       p.traits->>'country' IN ('DE', 'AT')                                             AS "dach",
       p.traits->>'plan' IN ('pro', 'enterprise')                                       AS "paying",
       (p.traits->>'age')::numeric BETWEEN 30 AND 50                                    AS "adults-30-50",
       p.traits->>'plan' = 'free' AND coalesce(e.orders, 0) >= 2                        AS "free-and-buying",
       NOT p.traits->>'plan' = 'pro'                                                    AS "not-pro",
       p.traits->>'country' IN ('DE', 'AT') OR coalesce(e.revenue, 0) > 800             AS "dach-or-rich",
       coalesce(e.views, 0) >= 5 AND coalesce(e.orders, 0) = 0                          AS "viewers-who-never-buy",
       coalesce(e.home_30, 0) >= 1                                                      AS "home-visitors"
  FROM profile p
  LEFT JOIN (
    SELECT o.root_id,
           count(*) FILTER (WHERE name = 'Order Completed')                                             AS orders,
           count(*) FILTER (WHERE name = 'Order Completed' AND ts > n.now - interval '30 days')         AS orders_30,
           count(*) FILTER (WHERE name = 'Order Completed' AND ts > n.now - interval '7 days')          AS orders_7,
           sum((properties->>'revenue')::numeric) FILTER (WHERE name = 'Order Completed')               AS revenue,
           sum((properties->>'revenue')::numeric) FILTER (WHERE name = 'Order Completed'
                                                            AND ts > n.now - interval '90 days')        AS revenue_90,
           count(*) FILTER (WHERE name = 'Product Viewed')                                              AS views,
           count(*) FILTER (WHERE name = 'Product Viewed' AND ts > n.now - interval '7 days')           AS views_7,
           count(*) FILTER (WHERE name = 'Product Viewed' AND ts > n.now - interval '30 days'
                              AND properties->>'category' = 'shoes')                                    AS shoes_30,
           count(*) FILTER (WHERE name = 'Product Viewed' AND properties->>'category' = 'books')        AS books,
           count(*) FILTER (WHERE name = 'Search' AND ts > n.now - interval '14 days')                  AS searches_14,
           count(*) FILTER (WHERE name = 'Cart Created' AND ts > n.now - interval '7 days')             AS carts_7,
           count(*) FILTER (WHERE name = 'Page Viewed' AND ts > n.now - interval '30 days')             AS pages_30,
           count(*) FILTER (WHERE name = 'Page Viewed' AND ts > n.now - interval '30 days'
                              AND properties->>'path' = '/home')                                        AS home_30
      FROM events JOIN origin o ON o.id = events.origin_id CROSS JOIN (SELECT %(now)s::timestamptz AS now) n
     WHERE ts <= n.now
     GROUP BY o.root_id) e ON e.root_id = p.id
 WHERE p.merged_into IS NULL
